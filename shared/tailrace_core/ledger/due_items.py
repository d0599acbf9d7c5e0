"""Due items: chunks and jobs for the reconciler's next check."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_core.jobs.ranges import RowRange

FIRST_FAILED_CHECK_S = 300.0
MAX_FAILED_CHECK_S = 3_600.0
"""Delays after the reconciler's failed checks of a chunk: the first, and the longest."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """A chunk or a job that the reconciler has to check; ``range`` is None for a job."""

    job_id: str
    range: RowRange | None
    due_at: float


def failed_check_due_at(due: DueItem, failed: int, now: float) -> float:
    """Return the time of the next check after one that failed; ``failed`` others did before.

    A chunk's delay doubles. A job only moves behind all others that are due: it has to be seen at
    every run, so that a job past its deadline is counted.
    """
    if due.range is None:
        return now
    return now + min(FIRST_FAILED_CHECK_S * 2.0 ** min(failed, 16), MAX_FAILED_CHECK_S)
