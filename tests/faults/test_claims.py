"""The cost of a claim: the ledger reads that find the next waiting chunks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tests.faults.memory_aws.cloud import Clock
from tests.faults.memory_aws.dynamodb import DynamoDb

TABLE = "ledger"
JOB = "01ARZ3NDEKTSV4RRFFQ69G0001"
ROWS = 10
WINDOW = 200
WAITING = 1_000


class CountedLedger:
    """A ledger in memory whose calls are counted by operation."""

    def __init__(self) -> None:
        self.dynamodb = DynamoDb(TABLE, Clock())
        self.steps = DynamoSteps(TABLE)
        self.calls: Counter[str] = Counter()
        job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=0.0, deadline_at=1e6, split_budget=1_000)
        self.run(self.steps.create_job(job, JobSettings(endpoint_name="e", window=WINDOW)))
        for number in range(WINDOW + WAITING):
            self.run(self.steps.open_chunk(chunk_at(number * ROWS, ROWS, attempt=int(number < WINDOW))))
        self.run(self.steps.seal(JOB, (WINDOW + WAITING) * ROWS))

    def run(self, steps: Steps[Any]) -> Any:
        return run(steps, self._perform)

    def _perform(self, call: Call) -> Any:
        self.calls[call.operation] += 1
        return getattr(self.dynamodb, call.operation)(**call.params)

    @property
    def job(self) -> Job:
        job: Job = self.run(self.steps.job(JOB))
        return job

    def settle(self, first_row: int, rows: int = ROWS) -> None:
        end = Settlement(job_id=JOB, range=RowRange(first_row, rows), state=ChunkState.SCORED)
        assert self.run(self.steps.settle(end)) is SettleOutcome.SETTLED

    def split(self, first_row: int) -> None:
        """Split a chunk in the middle; its right child waits."""
        parent, middle = chunk_at(first_row, ROWS), ROWS // 2
        right = chunk_at(first_row + middle, ROWS - middle, attempt=0)
        split = self.steps.split(parent, chunk_at(first_row, middle), right, window=WINDOW)
        assert self.run(split) is SettleOutcome.SETTLED

    def claim(self) -> tuple[list[int], int]:
        """Claim; return the rows at which the claimed chunks begin, and the number of queries."""
        job = self.job
        before = self.calls["query"]
        claimed: list[Chunk] = self.run(self.steps.claim(job, WINDOW, 1.0))
        return [chunk.range.first_row for chunk in claimed], self.calls["query"] - before


def chunk_at(first_row: int, rows: int, attempt: int = 1) -> Chunk:
    return Chunk(job_id=JOB, range=RowRange(first_row, rows), due_at=1.0, attempt=attempt, tries=attempt)


@pytest.fixture
def ledger() -> CountedLedger:
    return CountedLedger()


def test_a_child_far_behind_the_frontier_is_claimed_first_without_reading_what_lies_between(
    ledger: CountedLedger,
) -> None:
    ledger.split(0)
    for number in range(1, 11):
        ledger.settle(number * ROWS)
    claimed, queries = ledger.claim()
    assert claimed == [5, *range(WINDOW * ROWS, (WINDOW + 9) * ROWS, ROWS)]
    assert queries <= 2
    for number in range(11, 21):
        ledger.settle(number * ROWS)
    claimed, queries = ledger.claim()
    assert claimed == [*range((WINDOW + 9) * ROWS, (WINDOW + 19) * ROWS, ROWS)]
    assert queries == 1


@pytest.mark.parametrize("counted", [0, 1])
def test_children_that_functions_of_a_former_version_did_not_count_are_found(
    ledger: CountedLedger, counted: int
) -> None:
    """``counted``: those of the two children that functions of this version split off."""
    ledger.split(0)
    ledger.split(10)
    ledger.dynamodb.items[JOB, items.JOB]["children_waiting"] = {"N": str(counted)}
    for number in range(2, WINDOW):
        ledger.settle(number * ROWS)
    rows = list[int]()
    while ledger.job.chunks_waiting:
        claimed, _ = ledger.claim()
        assert claimed
        rows += claimed
        for first_row in claimed:
            ledger.settle(first_row, ROWS // 2 if first_row < WINDOW * ROWS else ROWS)
    assert sorted(rows) == [5, 15, *range(WINDOW * ROWS, (WINDOW + WAITING) * ROWS, ROWS)]


def test_a_job_of_a_former_producer_has_no_frontier_and_is_claimed_in_order(ledger: CountedLedger) -> None:
    ledger.dynamodb.items[JOB, items.JOB].pop("frontier")
    ledger.split(0)
    for number in range(1, 21):
        ledger.settle(number * ROWS)
    assert ledger.claim()[0] == [5, *range(WINDOW * ROWS, (WINDOW + 9) * ROWS, ROWS)]
    assert ledger.claim()[0] == [*range((WINDOW + 9) * ROWS, (WINDOW + 19) * ROWS, ROWS)]
