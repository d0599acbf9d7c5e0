"""The exercise: trials are sent, heard, judged and recorded, and what was made is removed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from tailrace.doctor.exercise.invocations import Exercise
from tailrace.doctor.exercise.recording import Recording
from tailrace.doctor.findings import Finding, Status
from tailrace_core.aws.calls import Call
from tests.unit.producer.doctor.account import Account, denied

NAMES = ["good-row", "good-row-without-content-type", "bad-row", "missing-input"]


class Answering:
    """An account whose endpoint answers each request, with notifications that a test may change."""

    def __init__(self) -> None:
        self.account = Account()
        self.time_s = 0.0
        self.silent: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.waiting: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.account.answers |= {
            "sqs.create_queue": lambda asked: {"QueueUrl": f"https://sqs/{asked['QueueName']}"},
            "sqs.delete_queue": lambda _: self.removed.append("queue"),
            "sqs.receive_message": self._receive,
            "sqs.delete_message": lambda _: {},
            "sns.subscribe": lambda asked: {"SubscriptionArn": f"{asked['TopicArn']}:s"},
            "sns.unsubscribe": lambda _: self.removed.append("subscription"),
            "s3.put_object": lambda asked: self.objects.update({asked["Key"]: asked["Body"]}),
            "s3.get_object": lambda _: {"Body": io.BytesIO(b"1.5\n"), "ResponseMetadata": {"HTTPHeaders": {"a": "b"}}},
            "sagemaker-runtime.invoke_endpoint_async": self._invoke,
        }

    def findings(self, directory: Path | None = None) -> dict[str, Finding]:
        stack = self.account.deployment()
        exercise = Exercise(stack, self._execute, Recording(directory), name="x", wait_s=60, clock=lambda: self.time_s)
        return {each.check: each for each in exercise.run(b"1,2", "text/csv")}

    def _execute(self, call: Call) -> Any:
        self.time_s += 1
        return self.account.execute(call)

    def _invoke(self, asked: Any) -> dict[str, Any]:
        key = asked["InputLocation"].split("/", 3)[3]
        fails = b"no-number" in self.objects.get(key, b"no-number")
        if asked["InferenceId"] not in self.silent:
            message: dict[str, Any] = {"inferenceId": asked["InferenceId"]}
            message |= (
                {"invocationStatus": "Failed", "failureReason": "why"} if fails else {"invocationStatus": "Completed"}
            )
            self.waiting.append({"Type": "Notification", "Message": json.dumps(message)})
        return {
            "OutputLocation": "s3://b/v1/outputs/1.out",
            "FailureLocation": "s3://b/v1/failures/1-error.out",
            "ResponseMetadata": {"HTTPHeaders": {"x-amzn-sagemaker-outputlocation": "s3://b/v1/outputs/1.out"}},
        }

    def _receive(self, asked: Any) -> dict[str, Any]:
        self.time_s += asked["WaitTimeSeconds"]
        taken, self.waiting = self.waiting[:10], self.waiting[10:]
        return {"Messages": [{"Body": json.dumps(each), "ReceiptHandle": "r"} for each in taken]}


def test_each_trial_is_judged_with_the_permissions_that_it_used() -> None:
    found = Answering().findings()
    assert {name: each.status for name, each in found.items()} == dict.fromkeys(NAMES, Status.OK)
    assert "why" in found["bad-row"].seen
    assert any("ProducerPolicy" in each for each in found["good-row"].details)
    assert any("LearnWhatIsMissing" in each for each in found["missing-input"].details)


def test_what_was_made_is_removed() -> None:
    answering = Answering()
    answering.findings()
    assert sorted(answering.removed) == ["queue", "subscription", "subscription"]


def test_a_subscription_that_is_refused_ends_it_and_leaves_nothing() -> None:
    answering = Answering()
    answering.account.answers["sns.subscribe"] = denied("sns.subscribe")
    found = answering.findings()
    assert {name: each.status for name, each in found.items()} == {"exercise": Status.CANNOT_TELL}
    assert answering.removed == ["queue"]
    assert answering.objects == {}


def test_a_notification_that_does_not_come_is_cannot_tell() -> None:
    answering = Answering()
    answering.silent = {"doctor-x-missing-input"}
    assert answering.findings()["missing-input"].status is Status.CANNOT_TELL


def test_a_model_that_scores_everything_is_a_warning_and_one_that_scores_nothing_fails() -> None:
    answering = Answering()
    usual = answering.account.answers["sagemaker-runtime.invoke_endpoint_async"]

    def swap(asked: Any) -> Any:
        answer = usual(asked)
        message = json.loads(answering.waiting[-1]["Message"])
        other = "Completed" if message["invocationStatus"] == "Failed" else "Failed"
        answering.waiting[-1]["Message"] = json.dumps({**message, "invocationStatus": other})
        return answer

    answering.account.answers["sagemaker-runtime.invoke_endpoint_async"] = swap
    found = answering.findings()
    assert (found["good-row"].status, found["bad-row"].status) == (Status.FAIL, Status.WARN)
    assert found["good-row-without-content-type"].status is Status.OK  # either answer tells something


def test_the_start_from_zero_is_timed() -> None:
    answering = Answering()
    answering.account.endpoint["ProductionVariants"][0]["CurrentInstanceCount"] = 0
    found = answering.findings()["from-zero"]
    assert (found.status, "first answer after" in found.seen) == (Status.OK, True)


def test_notifications_headers_and_answers_are_recorded_as_they_came(tmp_path: Path) -> None:
    Answering().findings(tmp_path / "answers")
    assert sorted(each.stem for each in (tmp_path / "answers").iterdir()) == sorted(NAMES)
    record = json.loads((tmp_path / "answers" / "good-row-without-content-type.json").read_text())
    assert "ContentType" not in record["request"]
    assert record["notification"]["Type"] == "Notification"
    assert record["response"]["headers"] == {"x-amzn-sagemaker-outputlocation": "s3://b/v1/outputs/1.out"}
    assert (record["object"]["body"], record["object"]["headers"]) == ("1.5\n", {"a": "b"})
    failed = json.loads((tmp_path / "answers" / "bad-row.json").read_text())
    assert failed["object"]["location"] == "s3://b/v1/failures/1-error.out"


def test_an_endpoint_of_another_kind_gets_no_asynchronous_requests() -> None:
    answering = Answering()
    answering.account.outputs["EndpointKind"] = "realtime"
    (found,) = answering.findings().values()
    assert (found.check, found.status) == ("exercise", Status.CANNOT_TELL)
    assert not answering.objects
