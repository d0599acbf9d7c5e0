from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from tailrace_local.cloud.schedules import ScheduledTargets

ROLE = "arn:aws:iam::123456789012:role/tick"
TARGET = "arn:aws:lambda:eu-west-1:123456789012:function:f"
SCHEDULE = {
    "Name": "tick",
    "Arn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/tick",
    "Target": {
        "Arn": TARGET,
        "RoleArn": ROLE,
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
    },
}


class Clients:
    """Clients of every service in one, which refuse the given calls."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.meta = SimpleNamespace(endpoint_url="http://cloud")

    def client(self, service: str, role_arn: str, session_name: str, region: str) -> Any:
        assert (role_arn, session_name, region) == (ROLE, "scheduler", "eu-west-1")
        assert service in {"lambda", "sqs", "s3"}
        return self

    def invoke(self, **asked: Any) -> None:
        self._do("lambda", "invoke", asked)

    def send_message(self, **asked: Any) -> None:
        self._do("sqs", "send_message", asked)

    def copy_object(self, **asked: Any) -> None:
        self._do("s3", "copy_object", asked)

    def _do(self, service: str, operation: str, asked: dict[str, Any]) -> None:
        self.calls.append((service, operation, asked))
        if operation in self.refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


def fired(*refused: str, schedule: dict[str, Any] = SCHEDULE) -> list[tuple[str, str, dict[str, Any]]]:
    clients = Clients(*refused)
    ScheduledTargets(clients).fire(schedule, "{}")  # type: ignore[arg-type]  # a fake
    return clients.calls


def test_a_function_is_invoked_with_the_schedules_role_and_not_waited_for() -> None:
    asked = {"FunctionName": TARGET, "InvocationType": "Event", "Payload": b"{}"}
    assert fired() == [("lambda", "invoke", asked)]


def targeting(arn: str) -> dict[str, Any]:
    return {**SCHEDULE, "Target": {"Arn": arn, "RoleArn": ROLE}}


def test_a_queue_gets_the_payload() -> None:
    schedule = targeting("arn:aws:sqs:eu-west-1:123456789012:inbox")
    asked = {"QueueUrl": "http://cloud/123456789012/inbox", "MessageBody": "{}"}
    assert fired(schedule=schedule) == [("sqs", "send_message", asked)]


def test_an_api_gets_the_payload_as_its_parameters() -> None:
    schedule = targeting("arn:aws:scheduler:::aws-sdk:s3:copyObject")
    assert fired(schedule=schedule) == [("s3", "copy_object", {})]


def test_a_tick_that_cannot_be_delivered_is_a_dead_letter_that_says_why() -> None:
    _, (service, _, asked) = fired("invoke")
    said = {name: value["StringValue"] for name, value in asked["MessageAttributes"].items()}
    assert (service, asked["QueueUrl"], asked["MessageBody"]) == ("sqs", "http://cloud/123456789012/dead", "{}")
    assert (said["ERROR_CODE"], said["TARGET_ARN"], said["SCHEDULE_ARN"]) == (
        "AccessDeniedException",
        TARGET,
        SCHEDULE["Arn"],
    )


def test_a_dead_letter_that_is_refused_is_lost() -> None:
    assert [operation for _, operation, _ in fired("invoke", "send_message")] == ["invoke", "send_message"]


def test_without_a_queue_for_dead_letters_there_are_none() -> None:
    bare = {**SCHEDULE, "Target": {"Arn": TARGET, "RoleArn": ROLE}}
    assert [operation for _, operation, _ in fired("invoke", schedule=bare)] == ["invoke"]
