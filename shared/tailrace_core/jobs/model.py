"""Jobs and chunks: their states and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tailrace_core.jobs.history import History
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.settings import JobSettings, OnParked

__all__ = [
    "EARLY_ENDS",
    "FINAL_STATES",
    "Chunk",
    "ChunkState",
    "Job",
    "JobSettings",
    "JobState",
    "OnParked",
    "QueuedRetry",
]


class JobState(StrEnum):
    """``submitting → running → finishing → a final state``; ``closing`` comes before when a job ends early."""

    SUBMITTING = "submitting"
    RUNNING = "running"
    CLOSING = "closing"
    FINISHING = "finishing"
    COMPLETED = "completed"
    COMPLETED_WITH_REJECTS = "completed_with_rejects"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """True if the state never changes again."""
        return self in FINAL_STATES

    @property
    def accepts_results(self) -> bool:
        """True if an open chunk may still be scored or rejected."""
        return self in {JobState.SUBMITTING, JobState.RUNNING}


FINAL_STATES = frozenset(
    {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
)
EARLY_ENDS = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
"""The final states that a job is closed for before all its rows are settled."""


class ChunkState(StrEnum):
    """``open``, then exactly one of the others."""

    OPEN = "open"
    SCORED = "scored"
    REJECTED = "rejected"
    SPLIT = "split"
    CANCELLED = "cancelled"

    @property
    def leaf(self) -> bool:
        """True if the chunk owns its rows: a split chunk's rows belong to its children."""
        return self is not ChunkState.SPLIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job in the ledger. Counters are in rows; times are seconds since the epoch."""

    job_id: str
    state: JobState
    created_at: float
    deadline_at: float
    rows_total: int | None = None
    """Known once the job is sealed."""
    rows_scored: int = 0
    rows_rejected: int = 0
    rows_not_isolated: int = 0
    """Those of the rejected rows that were rejected with their chunk because the split budget was
    spent: the model refused the chunk, and whether it would refuse the row is not known."""
    rows_cancelled: int = 0
    split_budget: int = 0
    """Splits left."""
    splits_spent: int = 0
    """Splits made."""
    outcome: JobState | None = None
    """The final state of a job that is closed early."""
    reason: str | None = None
    """The reason of an early end."""
    times_parked: int = 0
    """Number of times that chunks of this job were parked; some may have been redriven since."""
    chunks_in_flight: int = 0
    """Open chunks that were started: invoked, about to be invoked, or parked."""
    chunks_waiting: int = 0
    """Open chunks that were not started because the window is full."""
    waiting_from: int | None = None
    """No chunk before this row waits; None if none ever waited."""
    frontier: int | None = None
    """No chunk at or after this row was ever started; before it, only children of splits wait. None
    until the producer has recorded a waiting chunk."""
    children_waiting: int = 0
    """Children of splits among the waiting chunks, and chunks that were opened out of order."""
    waiting_version: int = 0
    """Number of writes that added such chunks; a claim needs the number that it has read."""
    probed: tuple[RowRange, ...] = ()
    """Chunks of the job's latest probes, see `tailrace_core.jobs.probing`: two for each probe."""
    probed_since: int | None = None
    """`answers` when the first of these probes was made; None if there never was one."""
    controls_sent: int = 0
    """Number of the latest control, see `tailrace_core.jobs.probing`."""
    controls_scored: int = 0
    """Number of the latest control that the model answered."""
    controls_failed: int = 0
    """Number of the latest control that failed."""
    controlled_at: float | None = None
    """Time of the latest control."""
    finishing_at: float | None = None
    """Time of the move to ``finishing``. The manifest and the final event carry it, so that a
    second finisher writes the same bytes."""
    history: History = ()
    """How the job was ended early, and by whom."""

    @property
    def answers(self) -> int:
        """Count that grows with each sign that the endpoint works: a scored row or control."""
        return self.rows_scored + self.controls_scored

    @property
    def rows_settled(self) -> int:
        """Rows in a final state."""
        return self.rows_scored + self.rows_rejected + self.rows_cancelled

    @property
    def rows_open(self) -> int | None:
        """Rows not settled yet; None while the total is unknown."""
        return None if self.rows_total is None else self.rows_total - self.rows_settled

    @property
    def complete(self) -> bool:
        """True if the job is sealed and every row is settled."""
        return self.rows_total is not None and self.rows_settled == self.rows_total

    @property
    def final_state(self) -> JobState:
        """Final state of a complete job."""
        if self.outcome is not None:
            return self.outcome
        return JobState.COMPLETED_WITH_REJECTS if self.rows_rejected else JobState.COMPLETED


@dataclass(frozen=True, slots=True)
class QueuedRetry:
    """A chunk's next attempt, which waits in the retries queue for its delay to pass."""

    at: float
    """Time of the attempt, in seconds since the epoch; it is later if the queue is behind."""
    tries: int
    """Counted attempts, that one included."""
    held: bool = False
    """True if the attempt is made only when a probe shows that the endpoint works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk in the ledger."""

    job_id: str
    range: RowRange
    state: ChunkState = ChunkState.OPEN
    attempt: int = 1
    """Number of the current invocation; only its failure counts. 0 for a chunk that waits for room
    in the job's window."""
    tries: int = 1
    """Attempts counted against ``max_attempts``; expiry and throttling do not count."""
    invoked: bool = False
    """True if the service has taken the current attempt and its locations are recorded."""
    invoked_at: float | None = None
    """Time of the current attempt's invocation, if it was recorded."""
    received_at: float | None = None
    """Time at which the service took the request that settled the chunk, by its own account."""
    completed_at: float | None = None
    """Time at which the service had the answer that settled the chunk, by its own account."""
    settled_at: float | None = None
    """Time at which the chunk left ``open``."""
    parked_at: float | None = None
    """Time of the latest parking; the chunk may have been redriven since."""
    output_location: str | None = None
    failure_location: str | None = None
    due_at: float | None = None
    """Time of the reconciler's next check."""
    reason: str | None = None
    """Reason of the rejection, split, parking or retry."""
    rejected: int = 0
    """Rejected rows: those rejected before sending while the chunk is open, all once it is
    settled."""
    not_isolated: int = 0
    """Those of the rejected rows that were rejected because the split budget was spent."""
    split_grant: int = 0
    """Splits that opening the chunk adds to the job's budget."""
    input_checksum: str | None = None
    """Checksum of the rows as read from the source: a resumed submit proves with it that the input
    is the same."""
    part_checksum: str | None = None
    part_bytes: int | None = None
    parked: bool = False
    answered: bool = False
    """True if its part is written: the chunk will be settled with it and cannot be split any
    more."""
    redrives: int = 0
    attempts_before: int = 0
    """Attempts made before the last redrive: backoff begins anew with a redrive."""
    retry: QueuedRetry | None = None
    """The queued retry; None when the current attempt is in flight, or the chunk is parked."""
    scored_before: int | None = None
    """The job's `answers` when this chunk began to fail, or was made by a split; of a single row,
    when it began to fail. A higher count later shows that the endpoint answers other requests."""
    history: History = ()
    """Its failures, and what people decided."""

    @property
    def waiting(self) -> bool:
        """True if the chunk has not been started yet."""
        return self.state is ChunkState.OPEN and not self.attempt

    @property
    def attempts_since_redrive(self) -> int:
        """Attempts since the last redrive, or since the beginning."""
        return self.attempt - self.attempts_before

    @property
    def rows_sent(self) -> int:
        """Rows that the model must answer."""
        return self.range.rows - self.rejected

    @property
    def inference_id(self) -> InferenceId:
        """Id of the current attempt."""
        return InferenceId(self.job_id, self.range, self.attempt)
