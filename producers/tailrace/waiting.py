"""Waiting for a job: how often to look, and when to give up."""

from __future__ import annotations

from collections.abc import Iterator

from tailrace_core.errors import TimedOutError
from tailrace_core.jobs import Job

FIRST_DELAY_S = 0.5
LAST_DELAY_S = 5.0
_GROWTH = 1.15
"""So much longer than the one before is a delay: who waits learns of the end at most a seventh of the time late."""
SLACK_S = 900.0
"""How long past its deadline a job may take to be closed: the reconciler runs every few minutes."""


class Patience:
    """When to look next at a job, until it is final or the time is over."""

    def __init__(self, *, started_at: float, timeout_s: float | None) -> None:
        self._until = None if timeout_s is None else started_at + timeout_s
        self._delays = _delays()

    def delay_s(self, job: Job, now: float) -> float:
        """Seconds to wait before looking again at an unfinished job.

        Raises:
            TimedOutError: the time is over; says how far the job is.
        """
        limit = job.deadline_at + SLACK_S
        until = limit if self._until is None else min(self._until, limit)
        if now >= until:
            raise TimedOutError(_given_up(job, self._until is not None and self._until <= limit), job_id=job.job_id)
        return min(next(self._delays), max(until - now, 0.01))


def _delays() -> Iterator[float]:
    delay = FIRST_DELAY_S
    while True:
        yield delay
        delay = min(delay * _GROWTH, LAST_DELAY_S)


def _given_up(job: Job, own_timeout: bool) -> str:  # noqa: FBT001 - says which of two limits it was
    total = "?" if job.rows_total is None else job.rows_total
    parked = f"; chunks were parked {job.times_parked} times and need a person" if job.times_parked else ""
    how_far = f"job {job.job_id} is {job.state} with {job.rows_settled} of {total} rows settled{parked}"
    if own_timeout:
        return f"{how_far} when the time to wait was over; it goes on: wait again, or look at its status"
    return f"{how_far}, past its deadline, and nothing has closed it: see whether the stack's reconciler runs"
