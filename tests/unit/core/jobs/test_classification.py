"""Classification of failures by their reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass

C = FailureClass
LOGS = (
    "See the SageMaker Endpoint logs in your account for more information. "
    "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group="
    "/aws/sagemaker/Endpoints/throttle-404 in account 413413413413."
)
WAITED = "Your invocation timed out while waiting for a response from container primary. Please review the latency."


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (f"ClientError: Received client error (400) from model. {LOGS}", C.DATA),
        (f'ClientError: Received client error (422) from primary with message "HTTP 500". {LOGS}', C.DATA),
        (f"ClientError: Received client error (413) from model. {LOGS}", C.TOO_LARGE),
        (f"ClientError: Received client error (429) from model. {LOGS}", C.THROTTLED),
        (f"ClientError: Received client error (408) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (500) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (503) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (0) from model. {LOGS}", C.TRANSIENT),
        (f'Received server error (0) from primary with message "{WAITED}" {LOGS}', C.TOO_LARGE),
        (f"ModelError: {WAITED}", C.TOO_LARGE),
        ("Amazon SageMaker could not get a response from the demand endpoint. CPU utilization is high.", C.TRANSIENT),
        ("Connection reset by peer", C.TRANSIENT),
        ("the connection was closed", C.TRANSIENT),
        ("Read timed out", C.TRANSIENT),
        ("status code 502", C.TRANSIENT),
        ("Status code: 503 Service Unavailable", C.TRANSIENT),
        ("statusCode=504", C.TRANSIENT),
        ("HTTP/1.1 502 Bad Gateway", C.TRANSIENT),
        ("HTTP error 500", C.TRANSIENT),
        ("error code: 400", C.DATA),
        ("ThrottlingException: Rate exceeded", C.THROTTLED),
        ("Too many requests", C.THROTTLED),
        ("The endpoint demand is updating", C.THROTTLED),
        ("InsufficientInstanceCapacity: insufficient capacity", C.THROTTLED),
        ("The request expired before it was processed", C.EXPIRED),
        ("RequestTTLSeconds: time-to-live of the request has expired.", C.EXPIRED),
        ("Expired request", C.EXPIRED),
        ("AccessDenied: s3:GetObject", C.INFRASTRUCTURE),
        (
            "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to: s3:Get",
            C.INFRASTRUCTURE,
        ),
        ("NoSuchKey: The specified key does not exist.", C.INFRASTRUCTURE),
        ("Input object s3://bucket/v1/jobs/x.csv was not found", C.INFRASTRUCTURE),
        ("Failed to download the input", C.INFRASTRUCTURE),
        ("Endpoint demand of account 123456789012 not found.", C.INFRASTRUCTURE),
        ("The security token included in the request is expired", C.INFRASTRUCTURE),
        ("something that nobody has seen before", C.UNKNOWN),
        ("", C.UNKNOWN),
        (None, C.UNKNOWN),
    ],
)
def test_reasons_are_told_apart(reason: str | None, expected: FailureClass) -> None:
    assert classify(reason) is expected


@pytest.mark.parametrize(
    "name",
    [
        "error-500-model",
        "error-404-model",
        "status-413",
        "throttle",
        "throttled-v2",
        "timeout",
        "forbidden",
        "expired-request",
        "http-400",
    ],
)
def test_an_endpoints_name_says_nothing(name: str) -> None:
    gone = f"Amazon SageMaker could not get a response from the {name} endpoint. This can occur when CPU is high."
    assert classify(gone) is C.TRANSIENT
    assert classify(f"Received client error (400) from model. See /aws/sagemaker/Endpoints/{name} in account") is C.DATA


@pytest.mark.parametrize(
    "reason",
    [
        "account 400413500123 had trouble",
        "arn:aws:sagemaker:eu-west-1:400400400400:endpoint/status/404",
        "error while reading row 413 of 500",
        "400 rows were read, 500 remain",
        "error 4000 rows",
        "error in line 404",
        "exit status 1",
        "error (1234)",
        "status 400-500 ms",
        "version 5.0.3",
        "at 2026-01-25T22:46:00.500Z",
    ],
)
def test_numbers_elsewhere_are_no_status(reason: str) -> None:
    assert classify(reason) is C.UNKNOWN


@given(st.integers(100, 599), st.sampled_from(["client", "server"]))
def test_the_status_decides_and_not_the_word_before_it(status: int, side: str) -> None:
    classes = {C.DATA, C.TOO_LARGE, C.THROTTLED, C.TRANSIENT} if status >= 400 else {C.UNKNOWN}
    found = classify(f"ClientError: Received {side} error ({status}) from model. See the logs.")
    assert found in classes
    assert (found is C.TRANSIENT) == (status >= 500 or status in {408, 425})


@given(st.text(max_size=300))
def test_any_text_has_a_class(reason: str) -> None:
    assert classify(reason) in FailureClass


def test_a_very_long_reason_is_classified_by_its_beginning() -> None:
    assert classify("Received client error (400) from model. " + "a/" * 500_000) is C.DATA
    assert classify("x" * 1_000_000) is C.UNKNOWN
