"""What is looked at whenever a chunk was settled: are too many rows rejected, do others wait, is the job complete."""

from __future__ import annotations

from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.window_filling import WindowFiller
from tailrace_consumers.ports import Clock
from tailrace_core.jobs.limits import all_refused_reason, excess_rejects_reason
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.ledger.closing import cancel_open_chunks, close_job
from tailrace_core.ledger.finishing import EventPublisher, ManifestStore, complete_finishing, finish_if_complete
from tailrace_core.ledger.port import Ledger

MAX_CANCELLED_AT_ONCE = 300
"""How many chunks of a job that fails are cancelled by the message that made it fail; the reconciler does the rest."""


class JobCompletion:
    """Ends jobs: early when they must, at last when they can; until then it has what waits started."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        lookup: LedgerLookup,
        window_filler: WindowFiller,
        store: ManifestStore,
        publisher: EventPublisher,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._lookup = lookup
        self._window_filler = window_filler
        self._store = store
        self._publisher = publisher
        self._clock = clock

    def check(self, job_id: str) -> None:
        """Fail the job if it is over its limit of rejected rows, or hopeless; finish it if it is complete.

        Otherwise start what waits and fits.
        """
        job = self._ledger.job(job_id)
        if job is None:
            return
        reason = self._failure_reason(job)
        if reason is not None:
            self.close_job(job_id, JobState.FAILED, reason)
        elif job.complete:
            self._finish(job_id)
        else:
            self.fill_window(job)

    def fill_window(self, job: Job) -> None:
        """Start what waits and fits, by the job as it was just read."""
        settings = self._lookup.settings(job.job_id) if job.chunks_waiting else None
        if settings is not None:
            self._window_filler.fill(job, settings)

    def _failure_reason(self, job: Job) -> str | None:
        """Why the job has to fail, if it has to."""
        if not job.rows_rejected or not job.state.accepts_results:
            return None
        settings = self._lookup.settings(job.job_id)
        reason = excess_rejects_reason(job, settings) if settings is not None else None
        if reason is None and not (job.complete or job.rows_scored):
            reason = all_refused_reason(job, self._ledger.chunks(job.job_id))
        return reason

    def close_job(self, job_id: str, outcome: JobState, reason: str, *, limit: int = MAX_CANCELLED_AT_ONCE) -> bool:
        """Close the job and cancel up to ``limit`` open chunks; whether all were. Finishes it when it can be."""
        close_job(job_id, outcome, reason, ledger=self._ledger, now=self._clock())
        done = cancel_open_chunks(job_id, ledger=self._ledger, now=self._clock(), limit=limit)
        self._finish(job_id)
        return done

    def finish(self, job: Job) -> None:
        """Finish a complete job, or carry on where a finisher died."""
        if job.state is JobState.FINISHING:
            complete_finishing(job, ledger=self._ledger, store=self._store, publisher=self._publisher)
        else:
            self.check(job.job_id)

    def _finish(self, job_id: str) -> None:
        finish_if_complete(job_id, ledger=self._ledger, store=self._store, publisher=self._publisher, now=self._clock())
