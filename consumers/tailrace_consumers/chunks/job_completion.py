"""The completion check after a chunk was settled.

It fails a job with too many rejects, finishes a complete one, or invokes waiting chunks.
"""

from __future__ import annotations

from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.window_filling import WindowFiller
from tailrace_consumers.ports import Clock, RoundQueue
from tailrace_core.engines import Engine
from tailrace_core.jobs.limits import all_refused_reason, excess_rejects_reason
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.ledger.closing import cancel_open_chunks, close_job
from tailrace_core.ledger.finishing import EventPublisher, ManifestStore, complete_finishing, finish_if_complete
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.rounds import RoundDue

MAX_CANCELLED_AT_ONCE = 300
"""Chunks that the message that fails a job cancels itself; the reconciler cancels the rest."""


class JobCompletion:
    """Completes jobs or closes them early, and until then invokes their waiting chunks."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        lookup: LedgerLookup,
        window_filler: WindowFiller,
        store: ManifestStore,
        publisher: EventPublisher,
        clock: Clock,
        rounds: RoundQueue | None = None,
    ) -> None:
        """``rounds`` is RunTransforms' queue, in a stack that runs transform jobs."""
        self._ledger = ledger
        self._lookup = lookup
        self._window_filler = window_filler
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._rounds = rounds

    def check(self, job_id: str) -> None:
        """End the job if it is due; otherwise invoke the waiting chunks that fit its window."""
        job = self.end_if_due(job_id)
        if job is not None:
            self.fill_window(job)

    def end_if_due(self, job_id: str) -> Job | None:
        """Fail the job if it is over its limit of rejected rows, or if no row can be scored.

        Finish it if it is complete. Otherwise return it as it was read, to fill its window.
        """
        job = self._ledger.job(job_id)
        if job is None:
            return None
        reason = self._failure_reason(job)
        if reason is not None:
            self.close_job(job_id, JobState.FAILED, reason)
        elif job.complete:
            self._finish(job_id)
        else:
            return job
        return None

    def fill_window(self, job: Job) -> None:
        """Invoke the waiting chunks that fit the window; ``job`` was just read."""
        settings = self._lookup.settings(job.job_id) if job.chunks_waiting else None
        if settings is not None:
            self._window_filler.fill(job, settings)

    def _failure_reason(self, job: Job) -> str | None:
        """Return why the job has to fail; None when it does not."""
        if not job.rows_rejected or not job.state.accepts_results:
            return None
        settings = self._lookup.settings(job.job_id)
        reason = excess_rejects_reason(job, settings) if settings is not None else None
        if reason is None and not (job.complete or job.rows_scored):
            reason = all_refused_reason(job, self._ledger.chunks(job.job_id))
        return reason

    def close_job(self, job_id: str, outcome: JobState, reason: str, *, limit: int = MAX_CANCELLED_AT_ONCE) -> bool:
        """Close the job, cancel up to ``limit`` open chunks, and finish the job if none is left.

        Returns whether all open chunks were cancelled.
        """
        close_job(job_id, outcome, reason, ledger=self._ledger, now=self._clock())
        return self.cancel_open_chunks(job_id, limit=limit)

    def cancel_open_chunks(self, job_id: str, *, limit: int = MAX_CANCELLED_AT_ONCE) -> bool:
        """Cancel up to ``limit`` open chunks of a closing job, and finish it if none is left.

        Returns whether all open chunks were cancelled.
        """
        self._stop_rounds(job_id)
        done = cancel_open_chunks(job_id, ledger=self._ledger, now=self._clock(), limit=limit)
        self._finish(job_id)
        return done

    def _stop_rounds(self, job_id: str) -> None:
        """Have the transform job of a closing job stopped, before the last chunk is cancelled."""
        settings = None if self._rounds is None else self._lookup.settings(job_id)
        if self._rounds is not None and settings is not None and settings.engine is Engine.TRANSFORM:
            self._rounds.send(RoundDue(job_id=job_id), 0)

    def finish(self, job: Job) -> None:
        """Finish a complete job, or resume after a finisher died."""
        if job.state is JobState.FINISHING:
            complete_finishing(job, ledger=self._ledger, store=self._store, publisher=self._publisher)
        else:
            self.check(job.job_id)

    def _finish(self, job_id: str) -> None:
        finish_if_complete(job_id, ledger=self._ledger, store=self._store, publisher=self._publisher, now=self._clock())
