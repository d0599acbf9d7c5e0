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
        ("ThrottlingException: Rate exceeded", "capacity"),
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
