"""The result of scoring a file on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace_core.jobs.model import Job, JobState

if TYPE_CHECKING:
    from tailrace.download.rejects_summary.reasons import ReasonGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A file that was scored: its counters in rows, and what was written."""

    rows: int
    rows_scored: int
    rows_rejected: int
    rows_not_isolated: int
    """Those of the rejected rows that were rejected with their chunk, because the split budget was
    spent."""
    chunks: int
    splits: int
    requests: int
    """Requests to the model, those that were repeated included."""
    retries: int
    seconds: float
    size_bytes: int
    """Bytes of the result, after compression."""
    target: str | None
    """The file; None for a stream and standard output."""
    rejects_target: str | None = None
    """The file with the rejected rows, if one was written."""
    reasons: tuple[ReasonGroup, ...] = ()
    """The most frequent reasons of rejected rows."""

    @property
    def state(self) -> JobState:
        """``completed`` or ``completed_with_rejects``."""
        return JobState.COMPLETED_WITH_REJECTS if self.rows_rejected else JobState.COMPLETED


def counters(job: Job) -> dict[str, int]:
    """Return the counters of a run in rows."""
    return {
        "rows": job.rows_settled,
        "rows_scored": job.rows_scored,
        "rows_rejected": job.rows_rejected,
        "rows_not_isolated": job.rows_not_isolated,
        "splits": job.splits_spent,
    }
