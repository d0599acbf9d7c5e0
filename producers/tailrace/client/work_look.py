"""Looks at the open work of a job during a wait: how many chunks are being retried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tailrace.progress import JobProgress, OnProgress, silent
from tailrace_core.jobs.model import Job

if TYPE_CHECKING:
    from tailrace.operations.open_work import OpenWork

LOOK_S = 10.0
"""Seconds between two looks at a job's open chunks, which take up to five calls each."""


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
