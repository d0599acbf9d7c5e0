"""The data of a job's report, in three reads: its items, its manifest, and a page of its chunks."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace.download.parts import missing_manifest_error, object_call, read_manifest
from tailrace_core.aws.calls import Steps
from tailrace_core.errors import InputError, NotFoundError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """A finished job as its report shows it."""

    job: Job
    settings: JobSettings
    description: JobDescription
    manifest: Manifest
    manifest_checksum: str
    """Checksum of the manifest's bytes, ``crc32:<8 hex digits>``."""
    history: tuple[tuple[RowRange | None, HistoryEntry], ...]
    """Entries of the job (range None) and of its chunks, in the order of time."""
    chunks_read: int
    """Chunks whose history was read, split ones included."""
    all_chunks_read: bool


def read_report(job_id: str, ledger: DynamoSteps, bucket: str) -> Steps[ReportData]:
    """Read a finished job: one batch of its items, its manifest, and one page (1 MB) of its chunks.

    Raises:
        InputError: there is no such job, or it is under way.
        ContractError: the manifest is not there or is not of the job.
    """
    found = yield from ledger.job_items(job_id)
    if found is None:
        raise InputError(f"there is no job {job_id}; list jobs with `tailrace jobs`")
    job, settings, description = found
    if not job.state.final:
        raise InputError(f"job {job_id} is {job.state}: wait for it first with `tailrace wait {job_id}`")
    try:
        body = yield object_call(bucket, keys.manifest_key(job_id))
    except NotFoundError as exc:
        raise missing_manifest_error(job, exc) from exc
    page, after = yield from ledger.chunks_page(job_id)
    history = [(None, entry) for entry in job.history]
    entries = [*history, *((chunk.range, entry) for chunk in page for entry in chunk.history)]
    return ReportData(
        job=job,
        settings=settings,
        description=description,
        manifest=read_manifest(body, job),
        manifest_checksum=checksum(body),
        history=tuple(sorted(entries, key=lambda each: (each[1].at, each[0] is not None, each[0] or RowRange(0, 1)))),
        chunks_read=len(page),
        all_chunks_read=not after,
    )
