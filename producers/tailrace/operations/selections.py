"""Selections of parked chunks, by job, cause and time of their parking."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace.operations.parked import ParkedChunk
from tailrace_core.jobs.reasons import cause_id, cause_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Parked chunks that match all of these; a None matches every chunk."""

    job_id: str | None = None
    cause: str | None = None
    """The id of a cause, as `tailrace parked list` shows it, or text of the reason in any case."""
    since: float | None = None
    """Parked at this time or later, in seconds since the epoch."""
    before: float | None = None
    """Parked before this time."""

    @property
    def chooses_all(self) -> bool:
        """True if it leaves no chunk out."""
        return self == Selection()

    def chooses(self, parked: ParkedChunk) -> bool:
        """Return whether the chunk matches. One whose time is not recorded matches no time."""
        if self.job_id not in {None, parked.job_id}:
            return False
        if self.cause is not None and not _matches(self.cause, parked.reason):
            return False
        at = None if parked.chunk is None else parked.chunk.parked_at
        if self.since is None and self.before is None:
            return True
        return at is not None and (self.since or 0.0) <= at and (self.before is None or at < self.before)


def _matches(cause: str, reason: str) -> bool:
    return cause == cause_id(cause_of(reason)) or cause.lower() in reason.lower()
