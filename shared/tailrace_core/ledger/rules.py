"""The ledger's rules as pure functions: whether a change of state may happen, and what it leaves.

The adapters state the same rules in their own terms (conditions of a transaction); one suite holds them together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange

FINISHING_LEASE_S = 180.0
"""How long a finisher may take before the reconciler finishes in its place; doing it twice is harmless."""

FIRST_CHECK_S = 900.0
"""When the reconciler first looks at a job: one whose last settler or producer died must not wait for its deadline."""

REASON_CHARS = 2_000
"""Of a reason that the ledger keeps; an item holds 400 KB at most, and events carry the reason verbatim."""


class OpenOutcome(StrEnum):
    """What became of the intent to add a chunk."""

    OPENED = "opened"
    EXISTS = "exists"
    CLOSED = "closed"
    """The job does not take chunks any more (or was never there)."""


class SettleOutcome(StrEnum):
    """What became of the wish to settle or to split a chunk."""

    SETTLED = "settled"
    ALREADY = "already"
    """Somebody was first, or the attempt is not the current one: acknowledge and stop."""
    REFUSED = "refused"
    """The job does not accept this any more."""
    NO_BUDGET = "no_budget"
    """The job may not be split any further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The end of one chunk."""

    job_id: str
    range: RowRange
    state: ChunkState
    """``SCORED``, ``REJECTED`` or ``CANCELLED``."""
    rejected: int = 0
    """Rows of the range without a prediction (all of them when it is ``REJECTED``)."""
    attempt: int | None = None
    """When given, it counts only while this attempt is the current one: a success of any attempt settles, a failure
    only of the current one."""
    waiting: bool = False
    """Of a chunk that was never started; such a one can only be cancelled, and counts only while it waits."""
    part_checksum: str | None = None
    part_bytes: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.waiting and self.state is not ChunkState.CANCELLED:
            raise ValueError(f"a chunk that was never started is not settled as {self.state}")
        if self.state not in {ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED}:
            raise ValueError(f"a chunk is not settled as {self.state}")
        whole = self.range.rows if self.state is ChunkState.REJECTED else self.rejected
        if self.rejected != whole or not 0 <= self.rejected <= self.range.rows:
            raise ValueError(f"{self.rejected} of {self.range.rows} rows rejected does not fit a chunk {self.state}")

    @classmethod
    def cancelled_of(cls, chunk: Chunk) -> Settlement:
        """The end of an open chunk whose job was closed."""
        return cls(job_id=chunk.job_id, range=chunk.range, state=ChunkState.CANCELLED, waiting=chunk.waiting)

    @property
    def scored(self) -> int:
        """Rows that have a prediction."""
        return self.range.rows - self.rejected if self.state is ChunkState.SCORED else 0

    @property
    def cancelled(self) -> int:
        """Rows given up."""
        return self.range.rows if self.state is ChunkState.CANCELLED else 0

    @property
    def counted_rejected(self) -> int:
        """Rows that the job counts as rejected; a cancelled chunk's rows are cancelled, all of them."""
        return 0 if self.state is ChunkState.CANCELLED else self.rejected

    @property
    def job_states(self) -> tuple[JobState, ...]:
        """The states in which a job accepts this end."""
        if self.state is ChunkState.CANCELLED:
            return (JobState.CLOSING,)
        return (JobState.SUBMITTING, JobState.RUNNING)


def settle(job: Job | None, chunk: Chunk | None, end: Settlement) -> tuple[SettleOutcome, Job | None, Chunk | None]:
    """Settle ``chunk`` of ``job``: the outcome, and both as they are afterwards."""
    if chunk is None or chunk.state is not ChunkState.OPEN or end.attempt not in {None, chunk.attempt}:
        return SettleOutcome.ALREADY, job, chunk
    if chunk.waiting is not end.waiting:
        return SettleOutcome.ALREADY, job, chunk
    if job is None or job.state not in end.job_states:
        return SettleOutcome.REFUSED, job, chunk
    return (
        SettleOutcome.SETTLED,
        dataclasses.replace(
            job,
            rows_scored=job.rows_scored + end.scored,
            rows_rejected=job.rows_rejected + end.counted_rejected,
            rows_cancelled=job.rows_cancelled + end.cancelled,
            chunks_in_flight=job.chunks_in_flight - (not end.waiting),
            chunks_waiting=job.chunks_waiting - end.waiting,
        ),
        dataclasses.replace(
            chunk,
            state=end.state,
            rejected=end.rejected,
            part_checksum=end.part_checksum,
            part_bytes=end.part_bytes,
            reason=truncate_reason(end.reason) or chunk.reason,
            parked=False,
            due_at=None,
        ),
    )


def split(job: Job | None, chunk: Chunk | None, attempt: int) -> tuple[SettleOutcome, Job | None]:
    """Whether ``chunk`` may be split on the failure of ``attempt``, and the job with its budget spent."""
    if chunk is None or chunk.state is not ChunkState.OPEN or chunk.attempt != attempt or chunk.answered:
        return SettleOutcome.ALREADY, job
    if job is None or not job.state.accepts_results:
        return SettleOutcome.REFUSED, job
    if job.split_budget < 1:
        return SettleOutcome.NO_BUDGET, job
    spent = dataclasses.replace(job, split_budget=job.split_budget - 1, chunks_in_flight=job.chunks_in_flight + 1)
    return SettleOutcome.SETTLED, spent


def opened(job: Job, chunk: Chunk) -> Job:
    """The job with one more open chunk."""
    if not chunk.waiting:
        return dataclasses.replace(job, chunks_in_flight=job.chunks_in_flight + 1)
    first = chunk.range.first_row if job.waiting_from is None else job.waiting_from
    return dataclasses.replace(job, chunks_waiting=job.chunks_waiting + 1, waiting_from=first)


def claimed(job: Job, chunks: Sequence[Chunk]) -> Job:
    """The job with these chunks started, the next ones that waited."""
    return dataclasses.replace(
        job,
        chunks_in_flight=job.chunks_in_flight + len(chunks),
        chunks_waiting=job.chunks_waiting - len(chunks),
        waiting_from=chunks[-1].range.end,
    )


def started(chunk: Chunk, due_at: float) -> Chunk:
    """A chunk that waited, with its first attempt intended."""
    return dataclasses.replace(chunk, attempt=1, tries=1, due_at=due_at)


def truncate_reason(reason: str | None) -> str | None:
    """A reason as the ledger keeps it."""
    if reason is None or len(reason) <= REASON_CHARS:
        return reason or None
    return reason[: REASON_CHARS - 1] + "…"


def required_due_at(chunk: Chunk) -> float:
    """When to look at an open chunk; ValueError when it does not say."""
    if chunk.due_at is None:
        raise ValueError(f"an open chunk says when it is due: {chunk.job_id} {chunk.range.name}")
    return chunk.due_at


def check_next(chunk: Chunk) -> None:
    """Raise ValueError unless the chunk's attempt can follow another: a first one is opened with, or claimed."""
    if chunk.attempt <= 1:
        raise ValueError(f"attempt {chunk.attempt} follows none: {chunk.job_id} {chunk.range.name}")


def first_check_at(job: Job) -> float:
    """When the reconciler first looks at a new job."""
    return min(job.deadline_at, job.created_at + FIRST_CHECK_S)


def check_new(chunk: Chunk) -> None:
    """Raise ValueError unless the chunk can be added: open, and due at some time (kept of it longer, if it waits)."""
    if chunk.state is not ChunkState.OPEN or chunk.parked:
        raise ValueError(f"a chunk begins open, not {chunk.state}: {chunk.job_id} {chunk.range.name}")
    required_due_at(chunk)


def all_rejected(chunk: Chunk) -> Chunk:
    """The settled chunk for ``chunk``, none of whose rows can be sent."""
    return Chunk(
        job_id=chunk.job_id,
        range=chunk.range,
        state=ChunkState.REJECTED,
        rejected=chunk.range.rows,
        reason=truncate_reason(chunk.reason),
        input_checksum=chunk.input_checksum,
        part_checksum=chunk.part_checksum,
        part_bytes=chunk.part_bytes,
    )


def all_cancelled(chunk: Chunk) -> Chunk:
    """The settled chunk for a range that nobody submitted."""
    return Chunk(
        job_id=chunk.job_id, range=chunk.range, state=ChunkState.CANCELLED, reason=truncate_reason(chunk.reason)
    )


def check_children(parent: Chunk, left: Chunk, right: Chunk) -> None:
    """Raise ValueError unless the two children are open chunks of their parent's job that tile it; none waits."""
    if not all(each.attempt for each in (parent, left, right)):
        raise ValueError(f"a chunk that waits is not split, nor made by splitting: {parent.job_id} {parent.range.name}")
    for child in (left, right):
        check_new(child)
    if left.job_id != parent.job_id or right.job_id != parent.job_id:
        raise ValueError(f"children of another job: {parent.job_id}, {left.job_id}, {right.job_id}")
    _check_tiling(parent.range, left, right)


def _check_tiling(parent: RowRange, left: Chunk, right: Chunk) -> None:
    if (
        left.range.first_row != parent.first_row
        or left.range.end != right.range.first_row
        or right.range.end != parent.end
    ):
        raise ValueError(f"{left.range.name} and {right.range.name} do not tile {parent.name}")


def seal(job: Job | None, rows_total: int) -> Job | None:
    """The sealed job; None when it cannot be sealed with this total (any more)."""
    check_total(rows_total)
    if job is None or job.rows_settled > rows_total:
        return None
    if job.rows_total is not None:
        return job if job.rows_total == rows_total else None
    if job.state not in {JobState.SUBMITTING, JobState.CLOSING}:
        return None
    state = JobState.RUNNING if job.state is JobState.SUBMITTING else job.state
    return dataclasses.replace(job, rows_total=rows_total, state=state)


def check_total(rows_total: int) -> None:
    """Raise ValueError for a total that no job can have."""
    if rows_total < 0:
        raise ValueError(f"a job has 0 rows or more: {rows_total}")


def close(job: Job | None, outcome: JobState, reason: str) -> Job | None:
    """The job closed early; None when it is past that."""
    if outcome not in EARLY_ENDS:
        raise ValueError(f"a job is not closed early as {outcome}")
    if job is None or not job.state.accepts_results:
        return None
    return dataclasses.replace(job, state=JobState.CLOSING, outcome=outcome, reason=truncate_reason(reason))


def start_finishing(job: Job | None, now: float) -> Job | None:
    """The job in ``finishing``, for the one caller that moved it there; None for all others."""
    if job is None or job.state not in {JobState.RUNNING, JobState.CLOSING} or not job.complete:
        return None
    return dataclasses.replace(job, state=JobState.FINISHING, finishing_at=now)


def finish(job: Job | None) -> Job | None:
    """The job in its final state; None when it is not being finished."""
    if job is None or job.state is not JobState.FINISHING:
        return None
    return dataclasses.replace(job, state=job.final_state)
