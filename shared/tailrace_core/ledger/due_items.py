"""Due items: chunks and jobs for the reconciler's next check."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_core.jobs.ranges import RowRange

PROMPT_CHECKS = 2
"""Failed checks of a chunk after which the next run checks it again, behind all others."""
FIRST_DELAY_S = 600.0
MAX_CHECK_DELAY_S = 1_200.0
"""Delays after further failed checks of a chunk: the first, and the longest. Three failures lie
within the 75 minutes of the alarm `OverdueFailing`, which stays while they go on."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """A chunk or a job that the reconciler has to check; ``range`` is None for a job."""

    job_id: str
    range: RowRange | None
    due_at: float


def failed_check_due_at(due: DueItem, failed: int, now: float) -> float:
    """Return the time of the next check after one that failed; ``failed`` others did before.

    The delay of a chunk grows. A job only moves behind all others that are due: it has to be seen
    at every run, so that one past its deadline is counted.
    """
    if due.range is None or failed < PROMPT_CHECKS:
        return now
    return now + min(FIRST_DELAY_S * 2.0 ** min(failed - PROMPT_CHECKS, 16), MAX_CHECK_DELAY_S)
