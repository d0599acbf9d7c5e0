"""Finishing of a job: manifest, final event, final state.

The caller that settles or seals last finishes the job; exactly one wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.limits import excess_rejects_reason, nothing_scored_reason
from tailrace_core.jobs.model import Chunk, Job, JobState
from tailrace_core.ledger.ledger_steps import ImmediateLedger, LedgerSteps, immediate, run_immediate
from tailrace_core.ledger.port import Ledger
from tailrace_core.objects import keys

if TYPE_CHECKING:
    from tailrace_core.messages.events import JobFinished


class ManifestStore(Protocol):
    """Store of manifests."""

    def put_manifest(self, key: str, body: bytes) -> str:
        """Store a manifest and return its location, ``s3://bucket/key``."""


class EventPublisher(Protocol):
    """Publisher to the results topic."""

    def publish(self, event: JobFinished) -> None:
        """Publish the event at least once."""


class FinishingSteps(Protocol):
    """`ManifestStore` and `EventPublisher` as steps."""

    def put_manifest(self, key: str, body: bytes) -> Steps[str]:
        """Store a manifest and return its location, ``s3://bucket/key``."""

    def publish(self, event: JobFinished) -> Steps[None]:
        """Publish the event at least once."""


def finish_if_complete(
    job_id: str, *, ledger: Ledger, store: ManifestStore, publisher: EventPublisher, now: float
) -> Job | None:
    """Finish the job if it is sealed and every row is settled.

    Returns the job if this caller finished it, else None. Costs one read if there is nothing to do.
    If the finisher dies, the reconciler calls `complete_finishing` after the lease.
    """
    effects = _ImmediateEffects(store, publisher)
    return run_immediate(finish_if_complete_steps(job_id, ledger=ImmediateLedger(ledger), effects=effects, now=now))


def finish_if_complete_steps(
    job_id: str, *, ledger: LedgerSteps, effects: FinishingSteps, now: float
) -> Steps[Job | None]:
    """`finish_if_complete` as steps."""
    job = yield from ledger.job(job_id)
    if job is None or not job.complete or job.state not in {JobState.RUNNING, JobState.CLOSING}:
        return None
    yield from _fail_rejected(job, ledger)
    finishing = yield from ledger.start_finishing(job_id, now)
    if finishing is None:
        return None
    yield from _complete_finishing(finishing, ledger, effects)
    return finishing


def _fail_rejected(job: Job, ledger: LedgerSteps) -> Steps[None]:
    """Fail a job over its limit of rejects, or of which no row was scored.

    A limit in per cent applies only once the job is sealed.
    """
    if job.state is not JobState.RUNNING or not job.rows_rejected:
        return
    settings = yield from ledger.settings(job.job_id)
    reason = None if settings is None else excess_rejects_reason(job, settings)
    if reason is None and not job.rows_scored:
        page, _ = yield from ledger.chunks_page(job.job_id)
        reason = nothing_scored_reason(job, page)
    if reason is not None:
        yield from ledger.close(job.job_id, JobState.FAILED, reason)


def complete_finishing(job: Job, *, ledger: Ledger, store: ManifestStore, publisher: EventPublisher) -> None:
    """Complete the finish of a job in ``finishing``: manifest, event, final state.

    May be repeated: every effect is idempotent by its key or its id.

    Raises:
        ValueError: the ledger holds no settings of the job, or its chunks do not tile and add up
            (`build_manifest`).
    """
    run_immediate(_complete_finishing(job, ImmediateLedger(ledger), _ImmediateEffects(store, publisher)))


def _complete_finishing(job: Job, ledger: LedgerSteps, effects: FinishingSteps) -> Steps[None]:
    settings = yield from ledger.settings(job.job_id)
    if settings is None:
        raise ValueError(f"job {job.job_id} has no settings in the ledger")
    from tailrace_core.messages.events import JobFinished  # noqa: PLC0415 - brings pydantic
    from tailrace_core.messages.manifest import build_manifest  # noqa: PLC0415 - as above

    manifest = build_manifest(job, settings, (yield from _leaves(job.job_id, ledger)))
    location = yield from effects.put_manifest(keys.manifest_key(job.job_id), manifest.to_json().encode())
    yield from effects.publish(JobFinished.of(job, endpoint=settings.endpoint_name, manifest_location=location))
    yield from ledger.finish(job.job_id)


def _leaves(job_id: str, ledger: LedgerSteps) -> Steps[list[Chunk]]:
    leaves: list[Chunk] = []
    page, after = yield from ledger.chunks_page(job_id)
    while True:
        leaves += (chunk for chunk in page if chunk.state.leaf)
        if not after:
            return leaves
        page, after = yield from ledger.chunks_page(job_id, after)


class _ImmediateEffects:
    """A store and a publisher as steps that yield no call."""

    def __init__(self, store: ManifestStore, publisher: EventPublisher) -> None:
        self._store = store
        self._publisher = publisher

    def put_manifest(self, key: str, body: bytes) -> Steps[str]:
        return immediate(self._store.put_manifest(key, body))

    def publish(self, event: JobFinished) -> Steps[None]:
        self._publisher.publish(event)
        return immediate(None)
