"""The steps of a submit, one call after the other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tailrace.aws.stacks import Stack
from tailrace_core.aws.calls import Call, run
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.submission.chunk_steps import ChunkSteps

CHUNK = Chunk(job_id="01JD0000000000000000000000", range=RowRange(0, 2))
STEPS = ChunkSteps(
    Stack("s", {"Bucket": "bucket", "LedgerTable": "ledger"}),
    DynamoSteps("ledger"),
    CHUNK.job_id,
    JobSettings(endpoint_name="demand"),
    lambda: 1_700_000_000.0,
)


def _said(answer: dict[str, str], call: Call) -> dict[str, str]:
    assert call.operation == "invoke_endpoint_async"
    return answer


def confirmed(*answers: dict[str, str]) -> list[Call]:
    """The calls made after the endpoint has given these answers to as many chunks."""
    located: list[Chunk] = []
    for number, answer in enumerate(answers):
        chunk = replace(CHUNK, range=RowRange(2 * number, 2))
        located += run(STEPS.invoke(chunk), partial(_said, answer))
    made: list[Call] = []
    run(STEPS.confirm(located), made.append)
    return made


def test_an_invocation_is_confirmed_with_the_locations_of_its_answer() -> None:
    (call,) = confirmed({"OutputLocation": "s3://bucket/out"})
    assert call.operation == "update_item"
    assert "s3://bucket/out" in str(call.params)


def test_invocations_are_confirmed_together() -> None:
    (call,) = confirmed({"OutputLocation": "s3://bucket/1"}, {}, {"OutputLocation": "s3://bucket/2"})
    assert call.operation == "transact_write_items"
    assert [str(each).count("s3://bucket/") for each in call.params["TransactItems"]] == [1, 1]


@pytest.mark.parametrize("answer", [{}, {"InferenceId": "x"}])
def test_an_answer_that_broke_off_confirms_nothing(answer: dict[str, str]) -> None:
    assert confirmed(answer) == []
