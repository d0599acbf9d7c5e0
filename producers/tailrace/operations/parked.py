"""Parked chunks as values: their status, and whether they may be redriven."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tailrace.aws.queues import ReceivedMessage
from tailrace_core.errors import InputError
from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import ChunkParked

MAX_REDRIVES = 3
"""Maximum redrives of a chunk without `force`: another retry does not fix what failed this
often."""


class ParkedStatus(StrEnum):
    """Status of a parked chunk now, by the ledger."""

    PARKED = "parked"
    """It waits for an operator."""
    ARRIVING = "arriving"
    """Its message has come, and the ledger does not show it as parked yet; this takes seconds."""
    UNDER_WAY = "under way"
    """A later attempt was made."""
    SETTLED = "settled"
    """Its rows are settled, or it was split."""
    JOB_ENDED = "job ended"
    """Its job accepts no results any more."""
    UNKNOWN = "unknown"
    """The ledger has no such chunk (any more)."""

    @property
    def stale(self) -> bool:
        """True if no action is needed, so that its message can be deleted."""
        return self not in {ParkedStatus.PARKED, ParkedStatus.ARRIVING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedChunk:
    """A parked chunk, as recorded in the queue and the ledger."""

    job_id: str
    range: RowRange
    status: ParkedStatus
    event: ChunkParked | None = None
    """The event that parked it; None when no message was read."""
    chunk: Chunk | None = None
    job: Job | None = None
    messages: tuple[ReceivedMessage, ...] = ()
    """The copies of its message that were read."""

    @property
    def reason(self) -> str:
        """Why it was parked: verbatim from the message, or as much as the ledger keeps."""
        if self.event is not None:
            return self.event.reason
        return (self.chunk.reason if self.chunk is not None else None) or "no reason was recorded"

    @property
    def advice(self) -> str:
        """Advice: as the message says, or as follows from the reason in the ledger."""
        return self.event.advice if self.event is not None else advise(classify(self.reason), self.reason)

    @property
    def attempt(self) -> int:
        """The attempt at which it was parked."""
        if self.event is not None:
            return self.event.attempt
        return self.chunk.attempt if self.chunk is not None else 1

    @property
    def event_id(self) -> str:
        """Id of its message, whether or not that was read."""
        return ChunkParked.id_of(self.job_id, self.range, self.attempt)

    @property
    def redrives(self) -> int:
        """How often it has been redriven."""
        return 0 if self.chunk is None else self.chunk.redrives

    @property
    def queued(self) -> bool:
        """True if its next attempt waits for its delay."""
        chunk = self.chunk
        return self.status is ParkedStatus.UNDER_WAY and chunk is not None and chunk.retry is not None

    def refusal(self, *, force: bool = False) -> str | None:
        """Return why it cannot be redriven now, as text; None when it can be."""
        if self.status is ParkedStatus.ARRIVING:
            return "it is just being parked: try again in a minute"
        if self.status.stale:
            more = "; --now makes its next attempt at once" if self.queued else ""
            return f"it does not need a person any more: {self.status_text}{more}"
        if self.redrives >= MAX_REDRIVES and not force:
            return (
                f"it was redriven {self.redrives} times already: fix the cause first, then use --force, or discard it"
            )
        return None

    @property
    def status_text(self) -> str:
        """Its status as text."""
        if self.status is ParkedStatus.SETTLED and self.chunk is not None:
            return f"settled ({self.chunk.state})"
        if self.status is ParkedStatus.UNDER_WAY and self.chunk is not None:
            return f"under way (attempt {self.chunk.attempt})"
        if self.status is ParkedStatus.JOB_ENDED and self.job is not None:
            return f"job {self.job.state}" if not self.job.state.accepts_results else "the job's deadline has passed"
        return str(self.status)


def parked_status(job: Job | None, chunk: Chunk | None, attempt: int, now: float) -> ParkedStatus:
    """Return the status of a chunk that was parked at ``attempt``."""
    if job is None or chunk is None:
        return ParkedStatus.UNKNOWN
    if chunk.state is not ChunkState.OPEN:
        return ParkedStatus.SETTLED
    if not job.state.accepts_results or now >= job.deadline_at:
        return ParkedStatus.JOB_ENDED
    if chunk.attempt != attempt:
        return ParkedStatus.UNDER_WAY if chunk.attempt > attempt else ParkedStatus.ARRIVING
    return ParkedStatus.PARKED if chunk.parked else ParkedStatus.ARRIVING


def ledger_entry(job: Job | None, chunk: Chunk, now: float) -> ParkedChunk:
    """Build a parked chunk from the ledger alone, without its message."""
    status = parked_status(job, chunk, chunk.attempt, now)
    if status is ParkedStatus.ARRIVING:
        # Without a message, the ledger alone decides: the chunk is not parked.
        status = ParkedStatus.UNDER_WAY
    return ParkedChunk(job_id=chunk.job_id, range=chunk.range, status=status, chunk=chunk, job=job)


@dataclass(frozen=True, slots=True)
class ParkedChunkId:
    """Identifies a parked chunk."""

    job_id: str
    range: RowRange

    @classmethod
    def parse(cls, *words: str) -> ParkedChunkId:
        """Parse a job's id and a range (``000000000100-50`` or ``100-50``), or an event's id.

        Raises:
            InputError: the words are neither.
        """
        parts = words[0].split(":") if len(words) == 1 else ["ChunkParked", *words, "1"]
        if len(parts) == 4 and parts[0] == "ChunkParked":  # noqa: PLR2004 - the id's four parts
            first, _, rows = parts[2].partition("-")
            if first.isdecimal() and rows.isdecimal() and int(rows) and first.isascii() and rows.isascii():
                try:
                    return cls(parts[1], RowRange(int(first), int(rows)))
                except ValueError as exc:
                    raise InputError(f"{parts[2]!r} is not a range of rows: {exc}") from exc
        raise InputError(
            f"{' '.join(words)!r} names no parked chunk: give a job's id and a range (such as 000000000100-50), or an "
            "event's id, as `tailrace parked list` shows them"
        )
