"""The steps of a submit, one call after the other."""

from __future__ import annotations

import pytest

from tailrace.aws.stacks import Stack
from tailrace.submit.steps import ChunkSteps
from tailrace_core.aws.calls import Call
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps

CHUNK = Chunk(job_id="01JD0000000000000000000000", range=RowRange(0, 2))
STEPS = ChunkSteps(
    Stack("s", {"Bucket": "bucket", "LedgerTable": "ledger"}),
    DynamoSteps("ledger"),
    CHUNK.job_id,
    JobSettings(endpoint_name="demand"),
    lambda: 1_700_000_000.0,
)


def after_answer(answer: dict[str, str]) -> Call | None:
    """The calls made once the endpoint has given this answer."""
    steps = STEPS.invoke(CHUNK)
    assert next(steps).operation == "invoke_endpoint_async"
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def test_an_invocation_is_confirmed_with_the_locations_of_its_answer() -> None:
    confirmed = after_answer({"OutputLocation": "s3://bucket/out"})
    assert confirmed is not None
    assert confirmed.operation == "update_item"
    assert "s3://bucket/out" in str(confirmed.params)


@pytest.mark.parametrize("answer", [{}, {"InferenceId": "x"}])
def test_an_answer_that_broke_off_confirms_nothing(answer: dict[str, str]) -> None:
    assert after_answer(answer) is None
