"""Jobs and chunks: their settings, their states, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.ranges import RowRange


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
        """Whether nothing will change any more."""
        return self in FINAL_STATES

    @property
    def accepts_results(self) -> bool:
        """Whether an open chunk may still be scored or rejected."""
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
        """Whether the chunk's rows are its own: a split chunk's rows are its children's."""
        return self is not ChunkState.SPLIT


class JobSettings(BaseModel):
    """What a job was submitted with; written once, never changed, shared by all its chunks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    endpoint_name: str
    header: HeaderPolicy = HeaderPolicy.STRIP
    header_record: str | None = None
    """The header of the columns sent, without a line end; sent at the head of each chunk with ``repeat``."""
    source_columns: tuple[str, ...] = ()
    """The names of the input's columns, in the input's order."""
    sent_columns: tuple[int, ...] = ()
    """Indices into ``source_columns`` of what is sent, in the order sent."""
    kept_columns: tuple[int, ...] = ()
    """Indices into ``source_columns`` of what comes back beside the prediction, in that order."""
    output_columns: tuple[str, ...] = ("prediction",)
    content_type: str = "text/csv"
    accept: str = "text/csv"
    chunk_rows: int = Field(default=50_000, ge=1)
    chunk_bytes: int = Field(default=4 * 1024 * 1024, ge=1)
    max_attempts: int = Field(default=3, ge=1, le=100)
    max_rejects: int | None = Field(default=None, ge=0)
    """The job fails when more rows than this are rejected; None for no limit."""
    max_rejects_percent: float | None = Field(default=None, ge=0, le=100)
    """The same in per cent of the rows of a sealed job."""
    split_budget: int = Field(default=10_000, ge=0)
    """How many times chunks of this job may be split in two, in all."""
    request_ttl_s: int = Field(default=21_600, ge=60, le=21_600)
    invocation_timeout_s: int = Field(default=900, ge=1, le=3_600)
    window: int = Field(default=0, ge=0)
    """How many chunks of this job are in flight at once, but for what splitting adds; 0 for no limit."""

    @property
    def has_kept_columns(self) -> bool:
        """Whether there are kept objects."""
        return bool(self.kept_columns)

    @property
    def result_columns(self) -> tuple[str, ...]:
        """The header of the result: the kept names, then the outputs'."""
        return (*(self.source_columns[index] for index in self.kept_columns), *self.output_columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the ledger knows it. Counters are in rows; times are seconds since the epoch."""

    job_id: str
    state: JobState
    created_at: float
    deadline_at: float
    rows_total: int | None = None
    """Known once the job is sealed."""
    rows_scored: int = 0
    rows_rejected: int = 0
    rows_cancelled: int = 0
    split_budget: int = 0
    """How many splits are left."""
    outcome: JobState | None = None
    """What a closing or finishing job will end as, when it is closed early."""
    reason: str | None = None
    """Why it was closed early."""
    times_parked: int = 0
    """How often a chunk of this job was parked; some may have been redriven since."""
    chunks_in_flight: int = 0
    """Open chunks that were started: invoked, about to be, or parked."""
    chunks_waiting: int = 0
    """Open chunks that were not started, as the window is full."""
    waiting_from: int | None = None
    """No chunk before this row waits; None when none ever did."""
    finishing_at: float | None = None
    """When the job was taken to ``finishing``: the time that the manifest and the final event carry, whoever writes
    them in the end."""

    @property
    def rows_settled(self) -> int:
        """Rows that have come to their end."""
        return self.rows_scored + self.rows_rejected + self.rows_cancelled

    @property
    def rows_open(self) -> int | None:
        """Rows still under way; None while the total is not known."""
        return None if self.rows_total is None else self.rows_total - self.rows_settled

    @property
    def complete(self) -> bool:
        """Whether the job is sealed and every row is settled."""
        return self.rows_total is not None and self.rows_settled == self.rows_total

    @property
    def final_state(self) -> JobState:
        """What a complete job ends as."""
        if self.outcome is not None:
            return self.outcome
        return JobState.COMPLETED_WITH_REJECTS if self.rows_rejected else JobState.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk as the ledger knows it."""

    job_id: str
    range: RowRange
    state: ChunkState = ChunkState.OPEN
    attempt: int = 1
    """The number of the current invocation; only its failure counts. 0 before the first: the chunk waits for its turn
    in the job's window."""
    tries: int = 1
    """How many attempts count against ``max_attempts``: expiry and throttling do not."""
    invoked: bool = False
    """Whether the current attempt is known to have reached the service: its locations are recorded."""
    invoked_at: float | None = None
    """When the current attempt was invoked, if whoever confirmed it said so."""
    output_location: str | None = None
    failure_location: str | None = None
    due_at: float | None = None
    """When the reconciler looks next."""
    reason: str | None = None
    """Why it was rejected, split, parked or is being retried."""
    rejected: int = 0
    """Rows of this chunk rejected: before sending while it is open, in all once it is settled."""
    input_checksum: str | None = None
    """Of the rows as read from the source, so that a continued submit can prove that the input is the same."""
    part_checksum: str | None = None
    part_bytes: int | None = None
    parked: bool = False
    answered: bool = False
    """Whether a part stands for it: from then on it is delivered, and cannot be split any more."""
    redrives: int = 0
    scored_before: int | None = None
    """Rows of the job that were scored when this chunk began to fail, or was made by a split: more by now are a sign
    that the endpoint answers others."""
    doubted: bool = False
    """Whether it was made by a split for which there was no such sign; without one it is not split again."""

    @property
    def waiting(self) -> bool:
        """Whether the chunk has not been started yet."""
        return self.state is ChunkState.OPEN and not self.attempt

    @property
    def rows_sent(self) -> int:
        """Rows that the model has to answer for."""
        return self.range.rows - self.rejected

    @property
    def inference_id(self) -> InferenceId:
        """The id of the current attempt."""
        return InferenceId(self.job_id, self.range, self.attempt)
