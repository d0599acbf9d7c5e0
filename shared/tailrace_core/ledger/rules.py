"""The ledger's rules as pure functions: the conditions and the results of each change of state.

The adapters state the same rules in their own terms (conditions of a transaction). One test suite
runs over all adapters and keeps them equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tailrace_core.jobs.history import History, HistoryEntry, extended
from tailrace_core.jobs.model import EARLY_ENDS, Chunk, ChunkState, Job, JobState
from tailrace_core.jobs.ranges import RowRange

FINISHING_LEASE_S = 180.0
"""Lease of a finisher, after which the reconciler finishes in its place; a second finish is
harmless."""

FIRST_CHECK_S = 900.0
"""Age of a job at the reconciler's first check: a job whose producer or last settler died must not
wait for its deadline."""

REASON_CHARS = 2_000
"""Longest reason that the ledger keeps: an item holds 400 KB at most, and events carry it
verbatim."""


class OpenOutcome(StrEnum):
    """Outcome of adding a chunk."""

    OPENED = "opened"
    EXISTS = "exists"
    CLOSED = "closed"
    """The job accepts no more chunks, or does not exist."""


class SettleOutcome(StrEnum):
    """Outcome of settling or splitting a chunk."""

    SETTLED = "settled"
    ALREADY = "already"
    """Another caller was first, or the attempt is not current: acknowledge the message and stop."""
    REFUSED = "refused"
    """The job does not accept this outcome any more."""
    NO_BUDGET = "no_budget"
    """The job's split budget is spent."""
    NO_ROOM = "no_room"
    """The job's window is full: split again, with a right child that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The final state of one chunk, with its counts."""

    job_id: str
    range: RowRange
    state: ChunkState
    """``SCORED``, ``REJECTED`` or ``CANCELLED``."""
    rejected: int = 0
    """Rows of the range without a prediction (all of them if it is ``REJECTED``)."""
    not_isolated: int = 0
    """Number of them whose split budget was spent before they were tried alone."""
    attempt: int | None = None
    """If given, the settlement applies only while this attempt is current. A success of any attempt
    settles the chunk, a failure only that of the current one."""
    waiting: bool = False
    """True if the chunk was never started. Such a chunk can only be cancelled, and only while it
    waits."""
    part_checksum: str | None = None
    part_bytes: int | None = None
    reason: str | None = None
    received_at: float | None = None
    completed_at: float | None = None
    """The service's own times of the request that is settled, where it was answered."""
    settled_at: float | None = None
    history: History = ()
    """The chunk's history as the caller read it."""
    entry: HistoryEntry | None = None
    """The entry to add to it."""

    def __post_init__(self) -> None:
        if self.waiting and self.state is not ChunkState.CANCELLED:
            raise ValueError(f"a chunk that was never started is not settled as {self.state}")
        if self.state not in {ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED}:
            raise ValueError(f"a chunk is not settled as {self.state}")
        whole = self.range.rows if self.state is ChunkState.REJECTED else self.rejected
        if self.rejected != whole or not 0 <= self.rejected <= self.range.rows:
            raise ValueError(f"{self.rejected} of {self.range.rows} rows rejected does not fit a chunk {self.state}")
        if not 0 <= self.not_isolated <= (self.rejected if self.state is ChunkState.REJECTED else 0):
            raise ValueError(f"{self.not_isolated} rows not isolated does not fit {self.rejected} rows {self.state}")

    @classmethod
    def cancelled_of(cls, chunk: Chunk, now: float | None = None) -> Settlement:
        """Build the settlement of an open chunk whose job was closed."""
        cancelled = ChunkState.CANCELLED
        return cls(job_id=chunk.job_id, range=chunk.range, state=cancelled, waiting=chunk.waiting, settled_at=now)

    @property
    def scored(self) -> int:
        """Rows with a prediction."""
        return self.range.rows - self.rejected if self.state is ChunkState.SCORED else 0

    @property
    def cancelled(self) -> int:
        """Cancelled rows."""
        return self.range.rows if self.state is ChunkState.CANCELLED else 0

    @property
    def counted_rejected(self) -> int:
        """Rows that the job counts as rejected; a cancelled chunk's rows count as cancelled."""
        return 0 if self.state is ChunkState.CANCELLED else self.rejected

    @property
    def job_states(self) -> tuple[JobState, ...]:
        """States in which a job accepts this settlement."""
        if self.state is ChunkState.CANCELLED:
            return (JobState.CLOSING,)
        return (JobState.SUBMITTING, JobState.RUNNING)


def settle(job: Job | None, chunk: Chunk | None, end: Settlement) -> tuple[SettleOutcome, Job | None, Chunk | None]:
    """Settle ``chunk`` of ``job``; return the outcome, and both as they are afterwards."""
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
            rows_not_isolated=job.rows_not_isolated + end.not_isolated,
            rows_cancelled=job.rows_cancelled + end.cancelled,
            chunks_in_flight=job.chunks_in_flight - (not end.waiting),
            chunks_waiting=job.chunks_waiting - end.waiting,
        ),
        dataclasses.replace(
            chunk,
            state=end.state,
            rejected=end.rejected,
            not_isolated=end.not_isolated,
            part_checksum=end.part_checksum,
            part_bytes=end.part_bytes,
            reason=truncate_reason(end.reason) or chunk.reason,
            received_at=end.received_at,
            completed_at=end.completed_at,
            settled_at=end.settled_at,
            history=extended(chunk.history, end.entry),
            parked=False,
            due_at=None,
        ),
    )


def opened(job: Job, chunk: Chunk) -> Job:
    """Return the job with one more open chunk."""
    job = dataclasses.replace(job, split_budget=job.split_budget + chunk.split_grant)
    if not chunk.waiting:
        return dataclasses.replace(job, chunks_in_flight=job.chunks_in_flight + 1)
    row = chunk.range.first_row
    first = row if job.waiting_from is None else min(job.waiting_from, row)
    frontier = row if job.frontier is None else job.frontier
    return dataclasses.replace(job, chunks_waiting=job.chunks_waiting + 1, waiting_from=first, frontier=frontier)


def opened_out_of_order(job: Job, chunks: Sequence[Chunk], window: int) -> Job | None:
    """Return the job with more open chunks, before or behind others; None if they do not fit.

    Those of them that wait count as children of splits, which may wait anywhere too.
    """
    started = sum(not chunk.waiting for chunk in chunks)
    if job.state is not JobState.SUBMITTING or (started and 0 < window < job.chunks_in_flight + started):
        return None
    following = job
    for chunk in chunks:
        following = opened(following, chunk)
    waiting = len(chunks) - started
    return dataclasses.replace(
        following,
        frontier=job.frontier,
        children_waiting=job.children_waiting + waiting,
        waiting_version=job.waiting_version + bool(waiting),
    )


def claimed(job: Job, chunks: Sequence[Chunk]) -> Job:
    """Return the job with ``chunks``, its next waiting ones, started."""
    end = chunks[-1].range.end
    # Children come first: a chunk behind the frontier shows that none is left.
    only_children = job.frontier is None or end <= job.frontier
    children = max(0, job.children_waiting - len(chunks)) if only_children else 0
    frontier = None if job.frontier is None else max(job.frontier, end)
    return dataclasses.replace(
        job,
        chunks_in_flight=job.chunks_in_flight + len(chunks),
        chunks_waiting=job.chunks_waiting - len(chunks),
        children_waiting=children,
        waiting_from=end if children or frontier is None else frontier,
        frontier=frontier,
    )


def started(chunk: Chunk, job: Job, due_at: float) -> Chunk:
    """Return a waiting chunk of ``job`` with its first attempt recorded.

    Rows that were scored while a child waited do not show that the endpoint works now.
    """
    scored_before = None if chunk.scored_before is None else job.answers
    return dataclasses.replace(chunk, attempt=1, tries=1, due_at=due_at, scored_before=scored_before)


def confirmed(found: Chunk, chunk: Chunk) -> Chunk:
    """Return ``found`` with the locations of its attempt; the caller knows it as ``chunk``.

    A confirmation may come after the attempt's failure was handled: a parking stands, and so does a
    retry that the caller does not know.
    """
    located = dataclasses.replace(
        found,
        invoked=True,
        invoked_at=found.invoked_at if chunk.invoked_at is None else chunk.invoked_at,
        output_location=chunk.output_location or found.output_location,
        failure_location=chunk.failure_location or found.failure_location,
    )
    if found.parked or (found.retry and found.retry.at) != (chunk.retry and chunk.retry.at):
        return located
    return dataclasses.replace(located, retry=None, due_at=required_due_at(chunk))


def truncate_reason(reason: str | None) -> str | None:
    """Shorten a reason to the length that the ledger keeps."""
    if reason is None or len(reason) <= REASON_CHARS:
        return reason or None
    return reason[: REASON_CHARS - 1] + "…"


def required_due_at(chunk: Chunk) -> float:
    """Return an open chunk's ``due_at``; raise ValueError if it has none."""
    if chunk.due_at is None:
        raise ValueError(f"an open chunk needs a due_at: {chunk.job_id} {chunk.range.name}")
    return chunk.due_at


def required_parked_at(chunk: Chunk) -> float:
    """Return the time of a chunk's parking; raise ValueError if it has none."""
    if chunk.parked_at is None:
        raise ValueError(f"a chunk is parked at some time: {chunk.job_id} {chunk.range.name}")
    return chunk.parked_at


def check_next(chunk: Chunk) -> None:
    """Raise ValueError for a first attempt: `open_chunk` or `claim` records it."""
    if chunk.attempt <= 1:
        raise ValueError(f"attempt {chunk.attempt} follows none: {chunk.job_id} {chunk.range.name}")


def first_check_at(job: Job) -> float:
    """Return the time of the reconciler's first check of a new job."""
    return min(job.deadline_at, job.created_at + FIRST_CHECK_S)


def check_new(chunk: Chunk) -> None:
    """Raise ValueError unless the chunk can be added: open, not parked, and with a ``due_at``.

    A waiting chunk is not due, but the retention of its item counts from ``due_at``.
    """
    if chunk.state is not ChunkState.OPEN or chunk.parked:
        raise ValueError(f"a chunk begins open, not {chunk.state}: {chunk.job_id} {chunk.range.name}")
    required_due_at(chunk)


def all_rejected(chunk: Chunk) -> Chunk:
    """Return ``chunk``, which has no sendable row, settled as rejected."""
    return Chunk(
        job_id=chunk.job_id,
        range=chunk.range,
        state=ChunkState.REJECTED,
        rejected=chunk.range.rows,
        reason=truncate_reason(chunk.reason),
        input_checksum=chunk.input_checksum,
        part_checksum=chunk.part_checksum,
        part_bytes=chunk.part_bytes,
        settled_at=chunk.settled_at,
    )


def all_cancelled(chunk: Chunk) -> Chunk:
    """Return ``chunk``, whose range was never submitted, settled as cancelled."""
    return Chunk(
        job_id=chunk.job_id,
        range=chunk.range,
        state=ChunkState.CANCELLED,
        reason=truncate_reason(chunk.reason),
        settled_at=chunk.settled_at,
    )


def seal(job: Job | None, rows_total: int) -> Job | None:
    """Return the sealed job; None if it cannot be sealed with this total (any more)."""
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
    """Raise ValueError for a negative total."""
    if rows_total < 0:
        raise ValueError(f"a job has 0 rows or more: {rows_total}")


def close(job: Job | None, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> Job | None:
    """Return the job closed early; None if it is closed, finishing or final."""
    if outcome not in EARLY_ENDS:
        raise ValueError(f"a job is not closed early as {outcome}")
    if job is None or not job.state.accepts_results:
        return None
    history = extended(job.history, entry)
    return dataclasses.replace(
        job, state=JobState.CLOSING, outcome=outcome, reason=truncate_reason(reason), history=history
    )


def start_finishing(job: Job | None, now: float) -> Job | None:
    """Return the job in ``finishing`` to the one caller that moved it there; None to all others."""
    if job is None or job.state not in {JobState.RUNNING, JobState.CLOSING} or not job.complete:
        return None
    return dataclasses.replace(job, state=JobState.FINISHING, finishing_at=now)


def finish(job: Job | None) -> Job | None:
    """Return the job in its final state; None unless it is in ``finishing``."""
    if job is None or job.state is not JobState.FINISHING:
        return None
    return dataclasses.replace(job, state=job.final_state)
