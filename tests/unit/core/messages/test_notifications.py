"""The service's notifications, with optional fields missing and with invalid ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import MessageError
from tailrace_core.messages.notifications import decode_notification

SUCCESS: dict[str, Any] = {
    "awsRegion": "eu-west-1",
    "eventTime": "2026-01-25T22:46:00.608Z",
    "receivedTime": "2026-01-25T22:46:00.455Z",
    "invocationStatus": "Completed",
    "requestParameters": {
        "accept": "text/csv",
        "contentType": "text/csv",
        "customAttributes": "…",
        "endpointName": "demand",
        "inputLocation": "s3://bucket/key.csv",
    },
    "responseParameters": {"contentType": "text/csv; charset=utf-8", "outputLocation": "s3://bucket/out/1c9a.out"},
    "inferenceId": "some-id",
    "eventVersion": "1.0",
    "eventSource": "aws:sagemaker",
    "eventName": "InferenceResult",
}
FAILURE = {
    **{name: value for name, value in SUCCESS.items() if name != "responseParameters"},
    "invocationStatus": "Failed",
    "failureReason": "ClientError: Received client error (400) from model.",
}
TEST = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}
OPTIONAL = sorted(set(SUCCESS) - {"eventName", "inferenceId", "invocationStatus"})


def enveloped(message: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": message})


@pytest.mark.parametrize("wrap", [str, enveloped])
def test_a_success_is_read(wrap: Any) -> None:
    read = decode_notification(wrap(json.dumps(SUCCESS)))
    assert read.is_result
    assert read.succeeded
    assert not read.is_test
    assert (read.inference_id, read.response.output_location) == ("some-id", "s3://bucket/out/1c9a.out")
    assert (read.request.endpoint_name, read.received_time) == ("demand", "2026-01-25T22:46:00.455Z")


@pytest.mark.parametrize("wrap", [str, enveloped])
def test_a_failure_without_response_is_read(wrap: Any) -> None:
    read = decode_notification(wrap(json.dumps(FAILURE)))
    assert read.is_result
    assert not read.succeeded
    assert read.failure_reason == "ClientError: Received client error (400) from model."
    assert read.response.failure_location is None


def test_a_failure_names_its_object() -> None:
    message = {**FAILURE, "responseParameters": {"failureLocation": "s3://bucket/f/1-error.out"}}
    assert decode_notification(json.dumps(message)).response.failure_location == "s3://bucket/f/1-error.out"


def test_a_test_message_is_no_result() -> None:
    read = decode_notification(json.dumps(TEST))
    assert read.is_test
    assert not read.is_result


@pytest.mark.parametrize("value", ["absent", None, 7, [], {"deep": 1}, "text", "\ud800"])
@pytest.mark.parametrize("name", OPTIONAL)
def test_every_optional_part_may_be_missing_or_odd(name: str, value: Any) -> None:
    message = {**SUCCESS, name: value}
    if value == "absent":
        del message[name]
    read = decode_notification(json.dumps(message))
    assert read.is_result
    assert read.succeeded


@pytest.mark.parametrize("name", ["inferenceId", "invocationStatus"])
def test_without_what_is_required_it_is_no_result(name: str) -> None:
    assert not decode_notification(json.dumps({**SUCCESS, name: None})).is_result


def test_inline_responses_are_ignored() -> None:
    message = {**SUCCESS, "responseBody": {"content": "MC41", "message": "", "encoding": "BASE64"}}
    assert decode_notification(json.dumps(message)).is_result


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"eventName": null}',
        '{"eventName": 7}',
        enveloped("no json"),
        enveloped("[]"),
        "[" * 200_000,
        '{"eventName":"InferenceResult","x":' + '{"a":' * 100_000 + "1" + "}" * 100_001,
        "\ud800",
        "9" * 10_000,
    ],
    ids=range(15),
)
def test_what_is_not_a_notification_is_one_typed_error_with_the_bytes(body: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_notification(body)
    assert caught.value.raw == body.encode(errors="replace")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*SUCCESS, "Type", "Message"]), inner),
)


def test_half_a_surrogate_pair_does_not_come_through() -> None:
    read = decode_notification(json.dumps({**FAILURE, "failureReason": "bad \ud800 \U0001f600"}))
    assert read.failure_reason == "bad \ufffd \U0001f600"


@given(JSON)
def test_any_json_is_read_or_refused(data: Any) -> None:
    try:
        read = decode_notification(json.dumps(data))
    except MessageError:
        return
    assert isinstance(read.event_name, str)
