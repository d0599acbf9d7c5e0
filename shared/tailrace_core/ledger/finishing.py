"""Finishing a job: manifest, final event, final state. Whoever settles or seals last does it; exactly one wins."""

from __future__ import annotations

from typing import Protocol

from tailrace_core.jobs.limits import excess_rejects_reason
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import JobFinished
from tailrace_core.messages.manifest import build_manifest
from tailrace_core.objects import keys


class ManifestStore(Protocol):
    """Where manifests are kept."""

    def put_manifest(self, key: str, body: bytes) -> str:
        """Store it and return its location, ``s3://bucket/key``."""


class EventPublisher(Protocol):
    """The results topic."""

    def publish(self, event: JobFinished) -> None:
        """Publish the event; at least once."""


def finish_if_complete(
    job_id: str, *, ledger: Ledger, store: ManifestStore, publisher: EventPublisher, now: float
) -> Job | None:
    """Finish the job when it is sealed and every row is settled; returns it when this caller was the one to finish it.

    Costs one read when there is nothing to do. A finisher that dies is replaced by `complete_finishing`.
    """
    job = ledger.job(job_id)
    if job is None or not job.complete or job.state not in {JobState.RUNNING, JobState.CLOSING}:
        return None
    _fail_over_limit(job, ledger)
    finishing = ledger.start_finishing(job_id, now)
    if finishing is None:
        return None
    complete_finishing(finishing, ledger=ledger, store=store, publisher=publisher)
    return finishing


def _fail_over_limit(job: Job, ledger: Ledger) -> None:
    """A limit in per cent holds only once the job is sealed; whoever seals it last has to look as well."""
    if job.state is not JobState.RUNNING or not job.rows_rejected:
        return
    settings = ledger.settings(job.job_id)
    reason = None if settings is None else excess_rejects_reason(job, settings)
    if reason is not None:
        ledger.close(job.job_id, JobState.FAILED, reason)


def complete_finishing(job: Job, *, ledger: Ledger, store: ManifestStore, publisher: EventPublisher) -> None:
    """Carry out (again) what finishing a job in ``finishing`` takes; every effect is idempotent by its key or its id.

    Raises:
        ValueError: the ledger holds no settings of the job, or its chunks do not tile and add up (`build_manifest`).
    """
    settings = ledger.settings(job.job_id)
    if settings is None:
        raise ValueError(f"job {job.job_id} has no settings in the ledger")
    manifest = build_manifest(job, settings, ledger.chunks(job.job_id))
    location = store.put_manifest(keys.manifest_key(job.job_id), manifest.to_json().encode())
    publisher.publish(JobFinished.of(job, endpoint=settings.endpoint_name, manifest_location=location))
    ledger.finish(job.job_id)
