"""Golden notifications, as observed from the service, through the functions' decisions."""

import json
from functools import partial
from typing import Any

import pytest

from tailrace_consumers.collect_results import handler as collect_results
from tailrace_consumers.handle_failures import handler as handle_failures
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import MessageError
from tests.fakes.consumer_ports import BUCKET
from tests.unit.consumers.bench import JOB_ID, Bench

ID = f"{JOB_ID}.0.1.1"
TEST = '{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}'
SUCCESS: dict[str, Any] = {
    "awsRegion": "eu-west-1",
    "eventTime": "2026-01-25T22:46:00.608Z",
    "receivedTime": "2026-01-25T22:46:00.455Z",
    "invocationStatus": "Completed",
    "requestParameters": {
        "accept": "text/csv",
        "contentType": "text/csv",
        "customAttributes": "",
        "endpointName": "demand",
        "inputLocation": f"s3://{BUCKET}/v1/jobs/{JOB_ID}/input/000000000000-1.csv",
    },
    "responseParameters": {
        "contentType": "text/csv; charset=utf-8",
        "outputLocation": f"s3://{BUCKET}/v1/outputs/u1.out",
    },
    "inferenceId": ID,
    "eventVersion": "1.0",
    "eventSource": "aws:sagemaker",
    "eventName": "InferenceResult",
}
INLINE = {"content": "NQ==", "message": "ok", "encoding": "BASE64"}
SUCCESSES = {
    "as seen": SUCCESS,
    "an https location": {
        **SUCCESS,
        "responseParameters": {"outputLocation": f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/v1/outputs/u1.out"},
    },
    "an https location in China": {
        **SUCCESS,
        "responseParameters": {"outputLocation": f"https://{BUCKET}.s3.cn-north-1.amazonaws.com.cn/v1/outputs/u1.out"},
    },
    "the answer inside": {**SUCCESS, "responseBody": INLINE},
    "a fraction of another length": {**SUCCESS, "eventTime": "2026-01-25T22:46:00.6Z"},
    "nulls": {**SUCCESS, "awsRegion": None, "receivedTime": None, "requestParameters": None},
    "only what can be relied on": {name: SUCCESS[name] for name in ("eventName", "invocationStatus", "inferenceId")},
}
FAILURE = {
    **{name: value for name, value in SUCCESS.items() if name != "responseParameters"},
    "invocationStatus": "Failed",
    "failureReason": "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your "
    "account for more information.",
}
FAILURES = {
    "as seen": FAILURE,
    "with a location": {
        **FAILURE,
        "responseParameters": {"failureLocation": f"s3://{BUCKET}/v1/failures/u1-error.out"},
    },
}


def enveloped(body: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": body, "Signature": "s"})


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.add_job()
    made.answer(made.add_chunk(0, [b"1"]), b"5\n")
    return made


@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "in SNS's envelope"])
@pytest.mark.parametrize("said", SUCCESSES.values(), ids=SUCCESSES)
def test_a_success_is_collected_in_every_form(bench: Bench, said: dict[str, Any], wrap: Any) -> None:
    handle = partial(collect_results.handle, service=bench.collect)
    assert handle(wrap(json.dumps(said))) == (Outcome.SCORED, ID)


@pytest.mark.parametrize("wrap", [str, enveloped], ids=["raw", "in SNS's envelope"])
@pytest.mark.parametrize("said", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_handled_in_every_form(bench: Bench, said: dict[str, Any], wrap: Any) -> None:
    handle = partial(handle_failures.handle, service=bench.failures)
    assert handle(wrap(json.dumps(said))) == (Outcome.REJECTED, ID)


def test_test_notifications_are_acknowledged(bench: Bench) -> None:
    for body in (TEST, enveloped(TEST)):
        assert collect_results.handle(body, service=bench.collect) == (Outcome.TEST, "TestNotification")
        assert handle_failures.handle(body, service=bench.failures) == (Outcome.TEST, "TestNotification")


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '"text"', '{"Type":"Notification","Message":"{"}', "[" * 100_000]
)
def test_what_is_no_notification_goes_to_the_dead_letters(bench: Bench, body: str) -> None:
    with pytest.raises(MessageError):
        collect_results.handle(body, service=bench.collect)
