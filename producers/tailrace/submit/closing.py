"""Ending a job early, all in one go: closed, its open chunks cancelled, finished."""

from __future__ import annotations

from tailrace.submit.finishing import ManifestPublisher
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.closing import cancel_open_chunks, close_job
from tailrace_core.ledger.finishing import finish_if_complete
from tailrace_core.ledger.port import Ledger

_ALL = 2**31


def end_job(
    job_id: str, outcome: JobState, reason: str, *, ledger: Ledger, effects: ManifestPublisher, now: float
) -> None:
    """Close the job, cancel what is open and finish it; the reconciler carries on with what is left undone of that."""
    close_job(job_id, outcome, reason, ledger=ledger, now=now)
    if cancel_open_chunks(job_id, ledger=ledger, now=now, limit=_ALL):
        finish_if_complete(job_id, ledger=ledger, store=effects, publisher=effects, now=now)
