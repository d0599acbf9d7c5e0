"""Claims of waiting chunks: their cost in reads of the ledger, and that they pass over none."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.aws.errors import translate_exception
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tests.faults.invariants import Invariants
from tests.faults.memory_aws.cloud import Clock
from tests.faults.memory_aws.dynamodb import DynamoDb

TABLE = "ledger"
JOB = "01ARZ3NDEKTSV4RRFFQ69G0001"
ROWS = 10
WINDOW = 200
WAITING = 1_000


class CountedLedger:
    """A ledger in memory whose calls are counted by operation."""

    def __init__(self, window: int = WINDOW) -> None:
        self.dynamodb = DynamoDb(TABLE, Clock())
        self.steps = DynamoSteps(TABLE)
        self.calls: Counter[str] = Counter()
        self.window = window
        job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=0.0, deadline_at=1e6, split_budget=1_000)
        chosen = JobSettings(endpoint_name="e", window=window, split_budget=1_000)
        self.run(self.steps.create_job(job, chosen))

    def submit(self) -> None:
        """Record more chunks than the window holds, in order."""
        for number in range(WINDOW + WAITING):
            self.run(self.steps.open_chunk(chunk_at(number * ROWS, ROWS, attempt=int(number < WINDOW))))
        self.run(self.steps.seal(JOB, (WINDOW + WAITING) * ROWS))

    def run(self, steps: Steps[Any]) -> Any:
        return run(steps, self._perform)

    def _perform(self, call: Call) -> Any:
        self.calls[call.operation] += 1
        try:
            return getattr(self.dynamodb, call.operation)(**call.params)
        except ClientError as exc:
            raise translate_exception(exc, call.operation) from exc

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

    def open_stripe(self, job: Job, first_row: int, chunks: int) -> bool:
        """Open chunks of a stripe, started as far as the window had room when the job was read."""
        room = max(0, self.window - job.chunks_in_flight)
        opened = [chunk_at(first_row + at * ROWS, ROWS, attempt=int(at < room)) for at in range(chunks)]
        done: bool = self.run(self.steps.open_out_of_order(job, opened, self.window))
        return done

    @property
    def open_chunks(self) -> list[Chunk]:
        stored = [item for (_, name), item in sorted(self.dynamodb.items.items()) if name.startswith(items.CHUNK)]
        return [items.chunk_from_item(item) for item in stored if item["state"] == {"S": ChunkState.OPEN}]


def chunk_at(first_row: int, rows: int, attempt: int = 1) -> Chunk:
    return Chunk(job_id=JOB, range=RowRange(first_row, rows), due_at=1.0, attempt=attempt, tries=attempt)


@pytest.fixture
def ledger() -> CountedLedger:
    made = CountedLedger()
    made.submit()
    return made


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


def test_claims_of_stripes_that_were_opened_in_any_order_read_few_pages() -> None:
    stripes, chunks = 30, 20
    ledger = CountedLedger()
    order = list(range(stripes))
    random.Random(1).shuffle(order)
    for stripe in order:
        assert ledger.open_stripe(ledger.job, stripe * chunks * ROWS, chunks)
    going = [chunk.range.first_row for chunk in ledger.open_chunks if not chunk.waiting]
    rows, most = list[int](), 0
    while ledger.job.chunks_waiting:
        for row in going[:10]:
            ledger.settle(row)
        claimed, queries = ledger.claim()
        going, rows = going[10:] + claimed, rows + claimed
        most = max(most, queries)
    assert rows == sorted(rows)
    assert len(rows) == stripes * chunks - WINDOW
    assert most <= 3


@settings(max_examples=30)
@given(seed=st.integers(), window=st.integers(1, 12))
def test_whatever_stripes_splits_and_claims_meet_no_waiting_chunk_is_passed_over(seed: int, window: int) -> None:
    """The invariants hold after every write, and in the end every chunk was started and settled."""
    source, ledger = random.Random(seed), CountedLedger(window)
    invariants = Invariants(ledger.dynamodb)
    invariants.ordered = False
    ledger.dynamodb.on_change.append(invariants.check)
    stripes = [(at * 100, source.randint(1, 6)) for at in range(source.randint(2, 6))]
    source.shuffle(stripes)
    known = ledger.job
    for _ in range(3_000):
        if not stripes and not ledger.open_chunks:
            break
        # What a caller has read may be old.
        known = ledger.job if source.random() < 0.6 else known
        act = source.randrange(4)
        going = [chunk for chunk in ledger.open_chunks if not chunk.waiting]
        if act == 0 and stripes and ledger.open_stripe(known, *stripes[0]):
            stripes.pop(0)
        elif act == 1:
            ledger.run(ledger.steps.claim(known, window, 1.0))
        elif act == 2 and going:
            chosen = source.choice(going).range
            ledger.settle(chosen.first_row, chosen.rows)
        elif act == 3 and going:
            parent = source.choice(going)
            if parent.range.rows == ROWS:
                waits = ledger.job.chunks_in_flight >= window
                left, right = parent.range.split_at(parent.range.first_row + ROWS // 2)
                children = chunk_at(left.first_row, left.rows), chunk_at(right.first_row, right.rows, int(not waits))
                ledger.run(ledger.steps.split(parent, *children, window=window))
    assert ledger.job.chunks_waiting == ledger.job.chunks_in_flight == 0
