"""SageMaker's answers about transform jobs, as the service gives them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tailrace_consumers.adapters.transform_jobs import SageMakerTransformJobs
from tailrace_consumers.ports import TransformJob
from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_response
from tailrace_core.errors import PermanentError, ThrottledError


def refusing(code: str, message: str = "no") -> SageMakerTransformJobs:
    def execute(call: Call) -> Mapping[str, Any]:
        answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        raise translate_response(answer, call.operation)

    return SageMakerTransformJobs(execute)


def test_a_job_that_exists_is_the_one_made_before() -> None:
    refusing("ResourceInUse").create({"TransformJobName": "j"})


def test_the_accounts_limit_is_a_matter_of_time() -> None:
    with pytest.raises(ThrottledError):
        refusing("ResourceLimitExceeded").create({"TransformJobName": "j"})


def test_another_refusal_is_one_for_good() -> None:
    with pytest.raises(PermanentError, match="Could not find model"):
        refusing("ValidationException", "Could not find model").create({"TransformJobName": "j"})


@pytest.mark.parametrize(
    ("code", "message"),
    [("ValidationException", "Could not find requested job with name: j"), ("ResourceNotFound", "no such job")],
)
def test_an_unknown_job_is_none(code: str, message: str) -> None:
    assert refusing(code, message).describe("j") is None


def test_a_job_that_has_ended_is_not_stopped_again() -> None:
    refusing("ValidationException").stop("j")
    with pytest.raises(PermanentError):
        refusing("AccessDeniedException").stop("j")


def test_a_job_is_described_with_its_times() -> None:
    answer = {
        "TransformJobStatus": "Failed",
        "FailureReason": "why",
        "TransformEndTime": datetime(2026, 1, 1, tzinfo=UTC),
    }
    found = SageMakerTransformJobs(lambda _: answer).describe("j")
    assert found == TransformJob("Failed", "why", None, 1_767_225_600.0)
    assert found.ended
    assert not TransformJob("Stopping").ended
