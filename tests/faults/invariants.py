"""Invariants of the ledger, checked after each write to it."""

from __future__ import annotations

from typing import NamedTuple

from tailrace_core.jobs.model import ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange, first_gap
from tailrace_core.ledger import items
from tests.faults.memory_aws.dynamodb import DynamoDb
from tests.faults.memory_aws.expressions import Item

_FOLLOWING: dict[JobState, frozenset[JobState]] = {
    JobState.SUBMITTING: frozenset({JobState.RUNNING, JobState.CLOSING}),
    JobState.RUNNING: frozenset({JobState.CLOSING, JobState.FINISHING}),
    JobState.CLOSING: frozenset({JobState.FINISHING}),
    JobState.FINISHING: frozenset(
        {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
    ),
}


class ChunkSnapshot(NamedTuple):
    """Last seen attributes of a chunk."""

    range: RowRange
    state: ChunkState
    partly: int
    """Its rejected rows, if its other rows are scored."""
    waits: bool
    not_isolated: int
    split_grant: int


class Invariants:
    """Checker of the invariants; keeps the last state of each job and chunk."""

    def __init__(self, table: DynamoDb) -> None:
        self._table = table
        self._jobs: dict[str, Job] = {}
        self._decoded: dict[str, tuple[Item, Job]] = {}
        self._chunks: dict[tuple[str, str], tuple[Item, ChunkSnapshot]] = {}
        self._settings: dict[str, JobSettings] = {}
        self.checks = 0
        self.ordered = True
        """True if submitted chunks never have a gap, which the order of the intents guarantees."""

    def copy_from(self, other: Invariants) -> None:
        """Take over what another checker has seen."""
        self._jobs = dict(other._jobs)
        self._decoded = dict(other._decoded)
        self._chunks = dict(other._chunks)
        self._settings = dict(other._settings)
        self.checks = other.checks

    def check(self, jobs: set[str]) -> None:
        """Check the jobs that a write changed."""
        for job_id in jobs:
            if not job_id.startswith(items.KEY):
                self._check_job(job_id)

    def _check_job(self, job_id: str) -> None:
        self.checks += 1
        names = self._table.names(job_id)
        job, before = self._job(job_id), self._jobs.get(job_id)
        self._states(job)
        leaves: list[RowRange] = []
        waiting: list[RowRange] = []
        counted = dict.fromkeys(ChunkState, 0)
        chunks = dict.fromkeys(ChunkState, 0)
        rejected = 0
        unknown, granted = 0, self._budget_of(job_id)
        for name in names:
            if not name.startswith(items.CHUNK):
                continue
            rows, state, partly, waits, not_isolated, grant = self._chunk(job_id, name)
            unknown += not_isolated
            granted += grant
            chunks[state] += 1
            if waits:
                waiting.append(rows)
            if state.leaf:
                leaves.append(rows)
                counted[state] += rows.rows - partly
                rejected += partly
        # 1. The rows always add up.
        found = counted[ChunkState.SCORED], counted[ChunkState.REJECTED] + rejected, counted[ChunkState.CANCELLED]
        stated = job.rows_scored, job.rows_rejected, job.rows_cancelled
        assert found == stated, f"chunks hold {found} rows scored, rejected, cancelled; the job says {stated}"
        assert job.rows_not_isolated == unknown <= job.rows_rejected
        assert job.splits_spent == chunks[ChunkState.SPLIT]
        assert job.split_budget + job.splits_spent == granted
        settled = self._table.items[job_id, items.JOB]["rows_settled"]["N"]
        assert int(settled) == sum(stated)
        self._window(job, before, chunks, waiting)
        leaves.sort()
        if self.ordered or job.state not in {JobState.SUBMITTING, JobState.CLOSING}:
            end = leaves[-1].end if leaves else 0
            total = end if job.rows_total is None or job.state is JobState.CLOSING else job.rows_total
            gap = first_gap(leaves, total)
            assert gap is None, gap

    def _window(self, job: Job, before: Job | None, chunks: dict[ChunkState, int], waiting: list[RowRange]) -> None:
        """Check the window: each open chunk counts, and no more are in flight than it allows.

        The producer sends as many chunks as it holds, whatever was split or claimed meanwhile.
        """
        assert job.chunks_waiting == len(waiting)
        assert job.chunks_in_flight == chunks[ChunkState.OPEN] - len(waiting)
        assert all(rows.first_row >= (job.waiting_from or 0) for rows in waiting), "a waiting chunk was passed over"
        if job.state.accepts_results:
            children = [rows for rows in waiting if job.frontier is None or rows.first_row < job.frontier]
            assert job.children_waiting == len(children), "children are counted wrongly"
        window = self._window_of(job.job_id)
        most = 2 * window if job.state is JobState.SUBMITTING else window
        # The rest of a probe stays in the window, whether or not it is full.
        most = max(most, before.chunks_in_flight + bool(job.probed) if before is not None else 0)
        assert not window or job.chunks_in_flight <= most, f"{job.chunks_in_flight} in flight, {most} may be"

    def _window_of(self, job_id: str) -> int:
        return self._settings_of(job_id).window

    def _budget_of(self, job_id: str) -> int:
        return self._settings_of(job_id).split_budget

    def _settings_of(self, job_id: str) -> JobSettings:
        if job_id not in self._settings:
            stored = self._table.items[job_id, items.SETTINGS]["settings"]["S"]
            self._settings[job_id] = JobSettings.from_json(stored)
        return self._settings[job_id]

    def _job(self, job_id: str) -> Job:
        item = self._table.items[job_id, items.JOB]
        known = self._decoded.get(job_id)
        if known is None or known[0] is not item:
            known = self._decoded[job_id] = item, items.job_from_item(item)
        return known[1]

    def _chunk(self, job_id: str, name: str) -> ChunkSnapshot:
        item = self._table.items[job_id, name]
        known = self._chunks.get((job_id, name))
        if known is not None and known[0] is item:
            return known[1]
        state = ChunkState(item["state"]["S"])
        if known is not None:
            before = known[1].state
            assert before in {ChunkState.OPEN, state}, f"{name} went from {before} to {state}"
        partly = int(item["rejected"]["N"]) if state is ChunkState.SCORED else 0
        waits = state is ChunkState.OPEN and item["attempt"]["N"] == "0"
        not_isolated, grant = (int(item[each]["N"]) if each in item else 0 for each in ("not_isolated", "split_grant"))
        found = ChunkSnapshot(RowRange.parse(name.removeprefix(items.CHUNK)), state, partly, waits, not_isolated, grant)
        self._chunks[job_id, name] = item, found
        return found

    def _states(self, job: Job) -> None:
        before = self._jobs.get(job.job_id)
        self._jobs[job.job_id] = job
        if before is None:
            return
        if before.state is not job.state:
            assert job.state in _FOLLOWING.get(before.state, frozenset()), f"{before.state} to {job.state}"
        assert job.rows_settled >= before.rows_settled
        assert before.rows_total in {None, job.rows_total}
