"""Waiting for a job: how often to look, and when to give up."""

from __future__ import annotations

from tailrace_core.errors import TimedOutError
from tailrace_core.jobs.model import Job

MIN_DELAY_S = 0.2
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 5.0
_SHARE = 7
"""Who waits learns of the end at most this part of the time late, however the job went until then."""
_CALMING = 1.5
"""So much longer than the one before is a delay near the end when nothing has come since."""
SLACK_S = 900.0
"""How long past its deadline a job may take to be closed: the reconciler runs every few minutes."""


class PollSchedule:
    """When to look next at a job, until it is final or the time is over."""

    def __init__(self, *, started_at: float, timeout_s: float | None) -> None:
        self._started_at = started_at
        self._until = None if timeout_s is None else started_at + timeout_s
        self._first: tuple[float, int] | None = None
        self._settled = 0
        self._unchanged = 0

    def delay_s(self, job: Job, now: float) -> float:
        """Seconds to wait before looking again at an unfinished job.

        Raises:
            TimedOutError: the time is over; says how far the job is.
        """
        limit = job.deadline_at + SLACK_S
        until = limit if self._until is None else min(self._until, limit)
        if now >= until:
            raise TimedOutError(_given_up(job, self._until is not None and self._until <= limit), job_id=job.job_id)
        return min(self._look_again_s(job, now), max(until - now, 0.01))

    def _look_again_s(self, job: Job, now: float) -> float:
        usual_s = min(max((now - self._started_at) / _SHARE, FIRST_DELAY_S), MAX_DELAY_S)
        self._unchanged = self._unchanged + 1 if job.rows_settled == self._settled else 0
        self._settled = job.rows_settled
        left_s = self._left_s(job, now)
        if left_s is None:
            return usual_s
        # What is last may be what hangs: then the looks become rarer again.
        return min(usual_s, max(left_s / 2, MIN_DELAY_S) * _CALMING**self._unchanged)

    def _left_s(self, job: Job, now: float) -> float | None:
        """How long the rest will take by the pace since the first look; None while that says nothing."""
        if self._first is None:
            self._first = (now, job.rows_settled)
        since, before = self._first
        done = job.rows_settled - before
        if job.rows_total is None or (done <= 0 and job.rows_settled < job.rows_total):
            return None
        return (now - since) * (job.rows_total - job.rows_settled) / max(done, 1)


def _given_up(job: Job, own_timeout: bool) -> str:  # noqa: FBT001 - says which of two limits it was
    total = "?" if job.rows_total is None else job.rows_total
    parked = f"; chunks were parked {job.times_parked} times and need a person" if job.times_parked else ""
    how_far = f"job {job.job_id} is {job.state} with {job.rows_settled} of {total} rows settled{parked}"
    if own_timeout:
        return f"{how_far} when the time to wait was over; it goes on: wait again, or look at its status"
    return f"{how_far}, past its deadline, and nothing has closed it: see whether the stack's reconciler runs"
