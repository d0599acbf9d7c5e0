"""The schedules on which a waiting client polls a job and looks at its chunks, and when it gives up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tailrace.progress import JobProgress, OnProgress, silent
from tailrace_core.errors import TimedOutError
from tailrace_core.jobs.model import Job

if TYPE_CHECKING:
    from tailrace.operations.open_work import OpenWork

MIN_DELAY_S = 0.2
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 5.0
_LATENESS_DIVISOR = 7
"""A wait notices the end late by at most this fraction (1/7) of the job's time, at any pace."""
_BACKOFF = 1.5
"""Factor by which the delay near the end grows with each poll that finds no new rows."""
LOOK_S = 10.0
"""Seconds between two looks at a job's open chunks, which take up to five calls each."""
SLACK_S = 900.0
"""How long past its deadline a job may take to be closed: the reconciler runs every few minutes."""


class PollSchedule:
    """Computes the delay before each poll of a job, until the job is final or the time is over."""

    def __init__(self, *, started_at: float, timeout_s: float | None) -> None:
        self._started_at = started_at
        self._until = None if timeout_s is None else started_at + timeout_s
        self._first: tuple[float, int] | None = None
        self._settled = 0
        self._unchanged = 0

    def delay_s(self, job: Job, now: float) -> float:
        """Return the seconds to wait before polling an unfinished job again.

        Raises:
            TimedOutError: the time is over; the message says how far the job is.
        """
        limit = job.deadline_at + SLACK_S
        until = limit if self._until is None else min(self._until, limit)
        if now >= until:
            raise TimedOutError(_given_up(job, self._until is not None and self._until <= limit), job_id=job.job_id)
        return min(self._next_delay_s(job, now), max(until - now, 0.01))

    def _next_delay_s(self, job: Job, now: float) -> float:
        usual_s = min(max((now - self._started_at) / _LATENESS_DIVISOR, FIRST_DELAY_S), MAX_DELAY_S)
        self._unchanged = self._unchanged + 1 if job.rows_settled == self._settled else 0
        self._settled = job.rows_settled
        left_s = self._left_s(job, now)
        if left_s is None:
            return usual_s
        # The last chunks may be the ones that hang: then polls become rarer again.
        return min(usual_s, max(left_s / 2, MIN_DELAY_S) * _BACKOFF**self._unchanged)

    def _left_s(self, job: Job, now: float) -> float | None:
        """Estimate the seconds left by the pace since the first poll; None while there is no pace."""
        if self._first is None:
            self._first = (now, job.rows_settled)
        since, before = self._first
        done = job.rows_settled - before
        if job.rows_total is None or (done <= 0 and job.rows_settled < job.rows_total):
            return None
        return (now - since) * (job.rows_total - job.rows_settled) / max(done, 1)


class WorkLook:
    """The open work of one job as it was last seen; none when nobody sees the progress."""

    def __init__(self, report: OnProgress, *, now: float) -> None:
        self._looked_at = now
        self._unseen = report is silent
        self._work: OpenWork | None = None

    def due(self, job: Job, now: float) -> bool:
        """Return True, once every `LOOK_S` seconds, while the job has chunks in flight."""
        if self._unseen or not (job.state.accepts_results and job.chunks_in_flight) or now - self._looked_at < LOOK_S:
            return False
        self._looked_at = now
        return True

    def saw(self, work: OpenWork) -> None:
        """Keep what a look has found."""
        self._work = work

    def on(self, moment: JobProgress) -> JobProgress:
        """Return the moment with what was last seen, while the job has chunks in flight."""
        job = moment.job
        return replace(moment, work=self._work) if job.state.accepts_results and job.chunks_in_flight else moment


def _given_up(job: Job, own_timeout: bool) -> str:  # noqa: FBT001 - tells which of two limits ended the wait
    total = "?" if job.rows_total is None else job.rows_total
    parked = f"; chunks were parked {job.times_parked} times and need an operator" if job.times_parked else ""
    how_far = f"job {job.job_id} is {job.state} with {job.rows_settled} of {total} rows settled{parked}"
    if own_timeout:
        return f"{how_far} when the time to wait was over; it goes on: wait again, or see its status"
    return f"{how_far}, past its deadline, and nothing has closed it: check that the stack's reconciler runs"
