"""Errors of InvokeEndpoint become reasons of the one table of failure classes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tailrace_core.aws.errors import translate_exception
from tailrace_core.aws.model_errors import failure_reason, no_response, refused_by_model, timed_out_in_model
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.reasons import lead


def refusal(code: str, status: int, message: str = "said", **more: Any) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "InvokeEndpoint")  # type: ignore[arg-type]


def of_model(status: int, said: str) -> ClientError:
    message = f'Received error ({status}) from primary with message "{said}"'
    return refusal("ModelError", 424, message, OriginalStatusCode=status, OriginalMessage=said)


TIMED_OUT = "Your invocation timed out while waiting for a response from container primary. Review the latency"
_LENGTH = "failed to satisfy constraint: Member must have length less than or equal to"
URL = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/throttle-500/invocations"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (of_model(400, "could not convert 'n/a'"), FailureClass.DATA),
        (of_model(413, "too much"), FailureClass.TOO_LARGE),
        (of_model(429, "slow down"), FailureClass.THROTTLED),
        (of_model(500, "error (400): out of memory"), FailureClass.TRANSIENT),
        (of_model(503, "busy"), FailureClass.TRANSIENT),
        (of_model(0, TIMED_OUT), FailureClass.TOO_LARGE),
        (of_model(0, ""), FailureClass.TRANSIENT),
        (refusal("ModelNotReadyException", 429), FailureClass.THROTTLED),
        (refusal("ThrottlingException", 400, "Rate exceeded"), FailureClass.THROTTLED),
        (refusal("InternalFailure", 500), FailureClass.TRANSIENT),
        (refusal("ServiceUnavailable", 503), FailureClass.TRANSIENT),
        (refusal("InternalDependencyException", 530), FailureClass.TRANSIENT),
        (refusal("RequestEntityTooLarge", 413), FailureClass.TOO_LARGE),
        (of_model(0, "Response payload size exceeded the maximum of 6291456 bytes."), FailureClass.TOO_LARGE),
        (of_model(400, "the size exceeds the limit"), FailureClass.DATA),
        (refusal("ValidationError", 400, f"Value at 'body' {_LENGTH} 6291456"), FailureClass.TOO_LARGE),
        (refusal("ValidationError", 400, "Variant v was not found"), FailureClass.INFRASTRUCTURE),
        (refusal("ValidationError", 400, "Endpoint throttle-me of account 1 not found."), FailureClass.INFRASTRUCTURE),
        (ReadTimeoutError(endpoint_url=URL), FailureClass.TOO_LARGE),
        (EndpointConnectionError(endpoint_url=URL), FailureClass.TRANSIENT),
        (ConnectionClosedError(endpoint_url=URL), FailureClass.TRANSIENT),
    ],
    ids=str,
)
def test_each_error_has_its_class(error: Exception, expected: FailureClass) -> None:
    assert classify(failure_reason(translate_exception(error, "sagemaker-runtime.invoke_endpoint"))) is expected


def test_a_serverless_endpoint_throttles_with_503() -> None:
    error = translate_exception(refusal("ServiceUnavailable", 503), "sagemaker-runtime.invoke_endpoint")
    assert classify(failure_reason(error, serverless=True)) is FailureClass.THROTTLED


def test_the_models_words_lead_the_reason() -> None:
    assert (
        lead(refused_by_model(400, "could not convert 'x'\n")) == "could not convert 'x' (client error 400 from model)"
    )


def test_a_container_at_hand_fails_in_the_same_words() -> None:
    assert classify(timed_out_in_model("60 s, http://127.0.0.1:8080")) is FailureClass.TOO_LARGE
    assert classify(no_response("[Errno 111] Connection refused")) is FailureClass.TRANSIENT
