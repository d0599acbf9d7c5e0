"""What is looked at whenever a chunk was settled: are too many rows rejected, is the job complete."""

from __future__ import annotations

from tailrace_consumers.ports import Clock
from tailrace_core.closing import cancel_open, close
from tailrace_core.finishing import EventPublisher, ManifestStore, finish_if_complete, take_over
from tailrace_core.jobs import Job, JobState
from tailrace_core.ledger.port import Ledger
from tailrace_core.limits import excess, hopeless

CANCELLED_AT_ONCE = 300
"""How many chunks of a job that fails are cancelled by the message that made it fail; the reconciler does the rest."""


class Completion:
    """Ends jobs: early when they must, at last when they can."""

    def __init__(self, *, ledger: Ledger, store: ManifestStore, publisher: EventPublisher, clock: Clock) -> None:
        self._ledger = ledger
        self._store = store
        self._publisher = publisher
        self._clock = clock

    def look(self, job_id: str) -> None:
        """Fail the job if it is over its limit of rejected rows, or hopeless; finish it if it is complete."""
        job = self._ledger.job(job_id)
        if job is not None and job.rows_rejected and job.state.accepts_results:
            settings = self._ledger.settings(job_id)
            reason = excess(job, settings) if settings is not None else None
            if reason is None and not (job.complete or job.rows_scored):
                reason = hopeless(job, self._ledger.chunks(job_id))
            if reason is not None:
                self.end_early(job_id, JobState.FAILED, reason)
                return
        if job is not None and job.complete:
            self._finish(job_id)

    def end_early(self, job_id: str, outcome: JobState, reason: str, *, limit: int = CANCELLED_AT_ONCE) -> bool:
        """Close the job and cancel up to ``limit`` open chunks; whether all were. Finishes it when it can be."""
        close(job_id, outcome, reason, ledger=self._ledger, now=self._clock())
        done = cancel_open(job_id, ledger=self._ledger, now=self._clock(), limit=limit)
        self._finish(job_id)
        return done

    def finish(self, job: Job) -> None:
        """Finish a complete job, or carry on where a finisher died."""
        if job.state is JobState.FINISHING:
            take_over(job, ledger=self._ledger, store=self._store, publisher=self._publisher)
        else:
            self.look(job.job_id)

    def _finish(self, job_id: str) -> None:
        finish_if_complete(job_id, ledger=self._ledger, store=self._store, publisher=self._publisher, now=self._clock())
