"""What holds of the ledger at every moment, looked at after each write to it."""

from __future__ import annotations

from tailrace_core.jobs import ChunkState, Job, JobState
from tailrace_core.ledger import items
from tailrace_core.ranges import first_gap
from tests.faults.memory_aws.dynamodb import DynamoDb

_FOLLOWING: dict[JobState, frozenset[JobState]] = {
    JobState.SUBMITTING: frozenset({JobState.RUNNING, JobState.CLOSING}),
    JobState.RUNNING: frozenset({JobState.CLOSING, JobState.FINISHING}),
    JobState.CLOSING: frozenset({JobState.FINISHING}),
    JobState.FINISHING: frozenset(
        {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
    ),
}


class Invariants:
    """Remembers each job's and each chunk's state, and objects to what must not be."""

    def __init__(self, table: DynamoDb) -> None:
        self._table = table
        self._jobs: dict[str, Job] = {}
        self._chunks: dict[tuple[str, str], ChunkState] = {}
        self.looks = 0
        self.ordered = True
        """Whether what is submitted has no gap at any moment; the order of the intents promises it."""

    def check(self, jobs: set[str]) -> None:
        """Look at the jobs that a write changed."""
        for job_id in jobs:
            if not job_id.startswith(items.KEY):
                self._look(job_id)

    def _look(self, job_id: str) -> None:
        self.looks += 1
        names = self._table.names(job_id)
        job = items.job_of(self._table.items[job_id, items.JOB])
        self._states(job)
        leaves = []
        counted = {state: 0 for state in ChunkState}
        rejected = 0
        for name in names:
            if not name.startswith(items.CHUNK):
                continue
            chunk = items.chunk_of(self._table.items[job_id, name])
            before = self._chunks.get((job_id, name), ChunkState.OPEN)
            assert before in {ChunkState.OPEN, chunk.state}, f"{name} went from {before} to {chunk.state}"
            self._chunks[job_id, name] = chunk.state
            if chunk.state.leaf:
                leaves.append(chunk.range)
                partly = chunk.rejected if chunk.state is ChunkState.SCORED else 0
                counted[chunk.state] += chunk.range.rows - partly
                rejected += partly
        # 1. The rows always add up.
        found = counted[ChunkState.SCORED], counted[ChunkState.REJECTED] + rejected, counted[ChunkState.CANCELLED]
        stated = job.rows_scored, job.rows_rejected, job.rows_cancelled
        assert found == stated, f"chunks hold {found} rows scored, rejected, cancelled; the job says {stated}"
        settled = self._table.items[job_id, items.JOB]["rows_settled"]["N"]
        assert int(settled) == sum(stated)
        leaves.sort()
        if self.ordered or job.state not in {JobState.SUBMITTING, JobState.CLOSING}:
            end = leaves[-1].end if leaves else 0
            total = end if job.rows_total is None or job.state is JobState.CLOSING else job.rows_total
            gap = first_gap(leaves, total)
            assert gap is None, gap

    def _states(self, job: Job) -> None:
        before = self._jobs.get(job.job_id)
        self._jobs[job.job_id] = job
        if before is None:
            return
        if before.state is not job.state:
            assert job.state in _FOLLOWING.get(before.state, frozenset()), f"{before.state} to {job.state}"
        assert job.rows_settled >= before.rows_settled
        assert before.rows_total in {None, job.rows_total}
