"""The ledger's rules hold for any operations in any order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange, first_gap
from tailrace_core.jobs.window import claimable_chunks
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome
from tailrace_core.messages.manifest import build_manifest
from tests.unit.core.job_examples import NOW, SETTINGS, chunk_of, end_of, new_job, waiting_chunk
from tests.unit.core.strategies import JOB

ORDER = [JobState.SUBMITTING, JobState.RUNNING, JobState.CLOSING, JobState.FINISHING]
RARELY = st.integers(0, 4)
"""Weight of the steps that end a job: they happen only at 0, so that many steps come before."""
ENDS = st.sampled_from([ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED])


class Ledgers(RuleBasedStateMachine):
    """One job; every operation may come at any time, allowed or not."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.ledger.create_job(new_job(), SETTINGS)
        self.next_row = 0
        self.window = 0
        self.settled = dict[RowRange, Chunk]()
        self.before: Job = self.job
        self.final: tuple[Job, list[Chunk]] | None = None
        self.finishers = 0
        self.granted = self.before.split_budget

    @property
    def job(self) -> Job:
        job = self.ledger.job(JOB)
        assert job is not None
        return job

    @property
    def chunks(self) -> list[Chunk]:
        return list(self.ledger.chunks(JOB))

    def some(self, data: st.DataObject) -> Chunk:
        """Draw a chunk that was added before, in any state; open ones are more likely."""
        chunks = self.chunks
        still_open = [chunk for chunk in chunks if chunk.state is ChunkState.OPEN]
        return data.draw(st.sampled_from(still_open or chunks) | st.sampled_from(chunks))

    @initialize(sizes=st.lists(st.integers(2, 9), min_size=2, max_size=6), window=st.integers(1, 20))
    def begin(self, sizes: list[int], window: int) -> None:
        self.window = window
        for rows in sizes:
            self.add(rows, rejected=False)

    @rule(rows=st.integers(1, 9), rejected=st.booleans(), grant=st.integers(0, 2))
    def add(self, rows: int, rejected: bool, grant: int = 0) -> None:  # noqa: FBT001 - hypothesis calls it by name
        waits = self.job.waiting_from is not None or self.job.chunks_in_flight >= self.window
        chunk = waiting_chunk(self.next_row, rows) if waits and not rejected else chunk_of(self.next_row, rows)
        chunk = replace(chunk, split_grant=grant)
        opened = self.ledger.add_rejected(chunk) if rejected else self.ledger.open_chunk(chunk)
        self.granted += grant if opened is OpenOutcome.OPENED and not rejected else 0
        assert (opened is OpenOutcome.OPENED) == (self.before.state is JobState.SUBMITTING)
        self.next_row += rows if opened is OpenOutcome.OPENED else 0

    @precondition(lambda self: self.chunks)
    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        assert self.ledger.open_chunk(chunk_of(*_range(self.some(data)))) is OpenOutcome.EXISTS

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), state=ENDS, lag=st.sampled_from([None, 0, 0, 1]))
    def settle(self, data: st.DataObject, state: ChunkState, lag: int | None) -> None:
        chunk, before = self.some(data), self.job
        rejected = data.draw(st.integers(0, chunk.range.rows)) if state is ChunkState.SCORED else 0
        attempt = None if lag is None else chunk.attempt - lag
        end: Settlement = end_of(chunk.range, state, rejected, attempt)
        if state is ChunkState.REJECTED:
            end = replace(end, not_isolated=data.draw(st.integers(0, chunk.range.rows)))
        if state is ChunkState.CANCELLED and data.draw(st.booleans()):
            end = Settlement.cancelled_of(chunk)
            lag = None
        outcome = self.ledger.settle(end)
        if chunk.state is not ChunkState.OPEN or lag == 1 or chunk.waiting is not end.waiting:
            assert outcome is SettleOutcome.ALREADY
        elif before.state in end.job_states:
            assert outcome is SettleOutcome.SETTLED
        else:
            assert outcome is SettleOutcome.REFUSED

    @precondition(lambda self: self.chunks)
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        chunk, before = self.some(data), self.job
        if chunk.range.rows == 1 or not chunk.attempt:
            return
        row = data.draw(st.integers(chunk.range.first_row + 1, chunk.range.end - 1))
        first, second = chunk.range.split_at(row)
        waits = data.draw(st.booleans())
        right = waiting_chunk(*_sizes(second)) if waits else chunk_of(*_sizes(second))
        outcome = self.ledger.split(chunk, chunk_of(*_sizes(first)), right, window=self.window)
        may = chunk.state is ChunkState.OPEN and before.state.accepts_results and before.split_budget > 0
        room = waits or before.chunks_in_flight < self.window
        assert (outcome is SettleOutcome.SETTLED) == (may and room)
        assert (outcome is SettleOutcome.NO_ROOM) == (may and not room)

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), state=ENDS)
    def settle_some(self, data: st.DataObject, state: ChunkState) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.chunks), min_size=1, max_size=4))
        ends = [end_of(chunk.range, state) for chunk in chosen]
        before, seen = self.job, list[RowRange]()
        for chunk, end, outcome in zip(chosen, ends, self.ledger.settle_all(ends), strict=True):
            settles = chunk.state is ChunkState.OPEN and not chunk.waiting and chunk.range not in seen
            accepted = before.state in end.job_states
            assert (outcome is SettleOutcome.SETTLED) == (settles and accepted)
            seen.append(chunk.range)

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), lag=st.sampled_from([0, 0, 1]))
    def retry(self, data: st.DataObject, lag: int) -> None:
        chunk = self.some(data)
        following = chunk_of(*_range(chunk), attempt=chunk.attempt + 1 - lag, tries=2)
        if following.attempt < 2:
            with pytest.raises(ValueError, match="follows none"):
                self.ledger.begin_attempt(following)
            return
        assert self.ledger.begin_attempt(following) == (chunk.state is ChunkState.OPEN and lag == 0)

    @precondition(lambda self: self.chunks)
    @rule(data=st.data(), what=st.sampled_from(["confirm", "postpone", "park"]))
    def touch(self, data: st.DataObject, what: str) -> None:
        chunk = self.some(data)
        known: dict[str, Any] = {"attempt": chunk.attempt, "output_location": "s3://b/o", "parked_at": NOW}
        getattr(self.ledger, what)(chunk_of(*_range(chunk), **known))

    @rule(late=st.booleans())
    def claim(self, late: bool) -> None:  # noqa: FBT001 - hypothesis calls it by name
        before, waiting = self.job, [chunk.range for chunk in self.chunks if chunk.waiting]
        claimed = self.ledger.claim(self.before if late else before, self.window, NOW)
        assert [chunk.range for chunk in claimed] == waiting[: claimable_chunks(before, self.window)]
        assert all(chunk.attempt == chunk.tries == 1 for chunk in claimed)

    @rule(extra=st.sampled_from([0, 0, 0, 1]), seldom=RARELY)
    def seal(self, extra: int, seldom: int) -> None:
        before = self.job
        if seldom:
            return
        if before.rows_total is None and extra:
            return  # a wrong first total is not modelled; a different second one is
        sealed = self.ledger.seal(JOB, self.next_row + extra)
        assert sealed == (extra == 0)

    @rule(outcome=st.sampled_from(sorted(EARLY_ENDS)), seldom=RARELY)
    def close(self, outcome: JobState, seldom: int) -> None:
        before = self.job
        if seldom:
            return
        assert self.ledger.close(JOB, outcome, "why") == before.state.accepts_results

    @rule()
    def finish(self) -> None:
        before = self.job
        finishing = self.ledger.start_finishing(JOB, NOW)
        may = before.complete and before.state in {JobState.RUNNING, JobState.CLOSING}
        assert (finishing is not None) == may
        self.finishers += finishing is not None
        if finishing is not None:
            build_manifest(finishing, SETTINGS, self.chunks)

    @rule()
    def finish_last(self) -> None:
        before = self.job
        assert self.ledger.finish(JOB) == (before.state is JobState.FINISHING)
        if before.state is JobState.FINISHING:
            self.final = (self.job, self.chunks)

    @invariant()
    def rows_add_up(self) -> None:
        job, leaves = self.job, [chunk for chunk in self.chunks if chunk.state.leaf]
        open_rows = sum(chunk.range.rows for chunk in leaves if chunk.state is ChunkState.OPEN)
        assert job.rows_scored + job.rows_rejected + job.rows_cancelled + open_rows == self.next_row
        assert job.rows_not_isolated == sum(chunk.not_isolated for chunk in leaves) <= job.rows_rejected
        assert job.rows_total in {None, self.next_row}
        assert job.rows_open in {None, open_rows}

    @invariant()
    def nobody_is_forgotten_and_the_window_holds(self) -> None:
        job, chunks = self.job, self.chunks
        still_open = [chunk for chunk in chunks if chunk.state is ChunkState.OPEN]
        waiting = [chunk.range.first_row for chunk in still_open if chunk.waiting]
        assert job.chunks_waiting == len(waiting)
        assert job.chunks_in_flight == len(still_open) - len(waiting)
        assert job.chunks_in_flight <= self.window
        assert min(waiting, default=self.next_row) >= (job.waiting_from or 0)
        assert bool(waiting) <= (job.waiting_from is not None)
        if job.state.accepts_results:
            assert job.children_waiting == sum(job.frontier is None or row < job.frontier for row in waiting)
            started = [chunk.range.first_row for chunk in still_open if not chunk.waiting]
            assert job.frontier is None or max(started, default=-1) < job.frontier

    @invariant()
    def leaves_tile(self) -> None:
        leaves = sorted(chunk.range for chunk in self.chunks if chunk.state.leaf)
        assert first_gap(leaves, self.next_row) is None

    @invariant()
    def a_settled_chunk_never_changes(self) -> None:
        now = {chunk.range: chunk for chunk in self.chunks}
        for rows, chunk in self.settled.items():
            assert now[rows] == chunk
        self.settled = {rows: chunk for rows, chunk in now.items() if chunk.state is not ChunkState.OPEN}

    @invariant()
    def states_and_counters_only_advance(self) -> None:
        job, before = self.job, self.before
        assert _rank(job.state) >= _rank(before.state)
        assert job.rows_scored >= before.rows_scored
        assert job.rows_rejected >= before.rows_rejected
        assert job.rows_cancelled >= before.rows_cancelled
        assert job.split_budget >= 0
        assert job.splits_spent == sum(chunk.state is ChunkState.SPLIT for chunk in self.chunks)
        assert job.split_budget + job.splits_spent == self.granted
        assert self.finishers <= 1
        self.before = job

    @invariant()
    def a_finished_job_never_changes(self) -> None:
        if self.final is not None:
            assert (self.job, self.chunks) == self.final
            assert self.job.state.final
            assert self.job.rows_open == 0

    @invariant()
    def what_is_open_is_due_parked_or_waiting(self) -> None:
        due = {each.range for each in self.ledger.overdue(NOW + 1e9, 10_000)}
        for chunk in self.chunks:
            assert (chunk.range in due) == (chunk.state is ChunkState.OPEN and not chunk.parked and not chunk.waiting)
        assert (None in due) == (not self.job.state.final)


def _sizes(rows: RowRange) -> tuple[int, int]:
    return rows.first_row, rows.rows


def _range(chunk: Chunk) -> tuple[int, int]:
    return chunk.range.first_row, chunk.range.rows


def _rank(state: JobState) -> int:
    return len(ORDER) if state.final else ORDER.index(state)


TestLedgers = pytest.mark.timeout(600)(Ledgers.TestCase)
TestLedgers.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("state", [ChunkState.OPEN, ChunkState.SPLIT])
def test_a_chunk_is_not_settled_as_something_that_is_no_end(state: ChunkState) -> None:
    with pytest.raises(ValueError, match="not settled as"):
        end_of(RowRange(0, 10), state)


@pytest.mark.parametrize("rejected", [-1, 11])
def test_no_more_rows_are_rejected_than_there_are(rejected: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        end_of(RowRange(0, 10), ChunkState.SCORED, rejected)


@pytest.mark.parametrize(
    ("state", "rejected", "not_isolated"),
    [(ChunkState.REJECTED, 10, 11), (ChunkState.REJECTED, 10, -1), (ChunkState.SCORED, 5, 5)],
)
def test_only_rejected_rows_can_be_not_isolated(state: ChunkState, rejected: int, not_isolated: int) -> None:
    with pytest.raises(ValueError, match="not isolated"):
        Settlement(job_id=JOB, range=RowRange(0, 10), state=state, rejected=rejected, not_isolated=not_isolated)


def test_a_rejected_chunk_is_rejected_whole() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Settlement(job_id=JOB, range=RowRange(0, 10), state=ChunkState.REJECTED, rejected=9)
