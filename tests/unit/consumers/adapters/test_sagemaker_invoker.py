"""The invoker's handling of the endpoint's response."""

from __future__ import annotations

import pytest

from tailrace_consumers.adapters.sagemaker_invoker import SageMakerInvoker
from tailrace_consumers.ports import InvocationResponse
from tailrace_core.errors import TransientError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange

CHUNK = Chunk(job_id="01JD0000000000000000000000", range=RowRange(0, 2))
SETTINGS = JobSettings(endpoint_name="demand")


def invoke(answer: dict[str, str]) -> InvocationResponse:
    return SageMakerInvoker("bucket", lambda _: answer).invoke(CHUNK, SETTINGS)


def test_the_answer_says_where_output_and_failure_will_be() -> None:
    assert invoke({"OutputLocation": "s3://b/out"}) == InvocationResponse("s3://b/out", None)
    assert invoke({"OutputLocation": "s3://b/out", "FailureLocation": "s3://b/f"}) == InvocationResponse(
        "s3://b/out", "s3://b/f"
    )


def test_an_answer_that_broke_off_leaves_open_whether_the_request_was_taken() -> None:
    with pytest.raises(TransientError, match="lacks the output"):
        invoke({})
