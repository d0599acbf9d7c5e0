"""Advice: something to do for every failure, and more for known ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass


@given(st.sampled_from(FailureClass), st.text(max_size=200))
def test_every_failure_has_advice(failure: FailureClass, reason: str) -> None:
    assert advise(failure, reason).endswith(".")


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("Access Denied (Service: Amazon S3; Status Code: 403; …)", "read v1/jobs/"),
        ("The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey)", "is gone"),
        ("x (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)", "kms:Decrypt"),
        ("ThrottlingException: Rate exceeded", "endpoint's capacity"),
        ("Received client error (429) from model", "endpoint's capacity"),
        ('Received client error (429) from model with message "S3: SlowDown"', "endpoint's capacity"),
        ("An error occurred (ThrottlingException) when calling the InvokeEndpoint operation: x", "endpoint's capacity"),
        ("x (Service: Amazon S3; Status Code: 503; Error Code: SlowDown; Request ID: 1)", "S3 limits"),
        ("Please reduce your request rate. (Service: S3, Status Code: 503, Request ID: 1)", "S3 limits"),
        ("An error occurred (SlowDown) when calling the PutObject operation: x", "S3 limits"),
        ("x KMS. (Service: AWSKMS; Status Code: 400; Error Code: ThrottlingException; Request ID: 1)", "KMS limits"),
        ("Rate exceeded (Service: Kms, Status Code: 400, Request ID: 1)", "KMS limits"),
        ("Rate exceeded (Service: Amazon S3; Status Code: 400; Error Code: ThrottlingException; …)", "KMS limits"),
        ("An error occurred (ThrottlingException) when calling the Decrypt operation: Rate exceeded", "KMS limits"),
        ("An error occurred (ThrottlingException) when calling the GetObject operation: Rate exceeded", "KMS limits"),
        (
            "Rate exceeded (Service: AWSLogs; Status Code: 400; Error Code: ThrottlingException; …)",
            "AWS service",
        ),
        ("x (Service: AWSKMS; Status Code: 500; Error Code: KMSInternalException; Request ID: 1)", "KMS failed"),
        ("The container did not specify the required Content-Length header", "Content-Length"),
        ("Worker died.", "memory"),
        ("The batch transform job t-r1 ended without this input: Stopped. no reason was given", "data log"),
        ("the response exceeded the maximum size", "smaller chunks"),
        ("InternalServerError", "container's log"),
        ("something that nobody has seen before", "Read the reason"),
    ],
)
def test_known_failures_have_their_own_advice(reason: str, what: str) -> None:
    assert what in advise(classify(reason), reason)


def test_the_advice_on_rows_does_not_depend_on_a_models_words() -> None:
    assert advise(FailureClass.DATA, "Access Denied") == advise(FailureClass.DATA, "could not convert")
