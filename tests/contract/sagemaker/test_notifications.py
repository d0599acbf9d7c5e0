"""Golden messages in the shapes of AWS's documentation and of recorded messages."""

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.sagemaker.messages import notifications
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload

RECEIVED, EVENT = 1769381160.455, 1769381160.608  # 2026-01-25T22:46:00


def invocation(**changes: Any) -> Invocation:
    made: dict[str, Any] = {
        "id": "1c9a",
        "inference_id": "job.0.5.1",
        "endpoint_name": "demand",
        "input_location": "s3://bucket/key with space+ä.csv",
        "received_s": RECEIVED,
        "expires_s": RECEIVED + 60,
        "timeout_s": 900.0,
        "output_location": "s3://bucket/out/1c9a.out",
        "failure_location": "s3://bucket/failed/1c9a-error.out",
        "content_type": "text/csv",
        "accept": "text/csv",
        "custom_attributes": "trace=1",
    }
    return Invocation(**(made | changes))


def payload(body: bytes, content_type: str | None = "text/csv; charset=utf-8") -> Payload:
    made = Payload(content_type=content_type)
    made.write(body)
    return made


def test_a_success_is_the_documented_message() -> None:
    with payload(b"1\n") as output:
        message = notifications.completed(invocation(), "eu-west-1", EVENT, output, include=False)
    assert json.loads(message) == {
        "awsRegion": "eu-west-1",
        "eventTime": "2026-01-25T22:46:00.608Z",
        "receivedTime": "2026-01-25T22:46:00.455Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "text/csv",
            "contentType": "text/csv",
            "customAttributes": "trace=1",
            "endpointName": "demand",
            "inputLocation": "s3://bucket/key with space+ä.csv",
        },
        "responseParameters": {
            "contentType": "text/csv; charset=utf-8",
            "outputLocation": "s3://bucket/out/1c9a.out",
        },
        "inferenceId": "job.0.5.1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_a_failure_with_a_stored_error_names_it() -> None:
    with payload(b"row 3") as error:
        text = notifications.failed(
            invocation(), "eu-west-1", EVENT, notifications.model_error(400), error=error, include=False
        )
    message = json.loads(text)
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"] == (
        "ClientError: Received client error (400) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )
    assert message["responseParameters"]["failureLocation"] == "s3://bucket/failed/1c9a-error.out"
    assert "responseBody" not in message


def test_a_failure_without_an_answer_has_no_response_parameters_at_all() -> None:
    text = notifications.failed(invocation(), "eu-west-1", EVENT, "x", error=None, include=True)
    assert "responseParameters" not in json.loads(text)
    assert "responseBody" not in json.loads(text)


def test_parameters_that_were_not_given_are_absent() -> None:
    bare = invocation(content_type=None, accept=None, custom_attributes=None)
    with payload(b"", None) as output:
        message = json.loads(notifications.completed(bare, "eu-west-1", EVENT, output, include=False))
    assert set(message["requestParameters"]) == {"endpointName", "inputLocation"}
    assert message["responseParameters"] == {"outputLocation": "s3://bucket/out/1c9a.out"}


def test_the_test_notification_is_the_documented_text() -> None:
    assert json.loads(notifications.TEST_MESSAGE) == {
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "TestNotification",
    }


@pytest.mark.parametrize(
    ("status", "begins"),
    [
        (400, "ClientError: Received client error (400) from model. "),
        (500, "ClientError: Received server error (500) from model. "),
        (0, "ClientError: Received server error (0) from model. "),
    ],
)
def test_the_prefix_is_client_error_even_for_the_servers(status: int, begins: str) -> None:
    assert notifications.model_error(status).startswith(begins)


def test_a_small_response_is_included_in_base64_and_a_large_one_is_not() -> None:
    for size, included in ((128 * 1024, True), (128 * 1024 + 1, False)):
        with payload(b"\xff" * size) as output:
            text = notifications.completed(invocation(), "eu-west-1", EVENT, output, include=True)
        body = json.loads(text)["responseBody"]
        assert (body.get("encoding") == "BASE64") is included
        assert ("content" in body) is included
        assert len(text.encode()) < 256 * 1024
        if included:
            assert base64.b64decode(body["content"]) == b"\xff" * size


@given(st.floats(min_value=0, max_value=4e9))
def test_times_are_utc_with_up_to_three_digits_without_trailing_zeros(seconds: float) -> None:
    text = notifications.timestamp(seconds)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?Z", text)


def test_fractions_vary_in_length() -> None:
    assert [notifications.timestamp(moment)[19:] for moment in (0.0, 0.5, 0.25, 0.125)] == ["Z", ".5Z", ".25Z", ".125Z"]
