"""The manifest, a job's final summary: its parts in order, rejects, counts and checksums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import first_gap
from tailrace_core.objects import keys


class ManifestPart(BaseModel):
    """One settled range. ``key`` is None where the range was cancelled."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    first_row: int
    rows: int
    state: ChunkState
    rejected: int = 0
    not_isolated: int = 0
    """Those of the rejected rows that were rejected because the split budget was spent."""
    key: str | None = None
    rejects_key: str | None = None
    size_bytes: int | None = None
    checksum: str | None = None
    reason: str | None = None
    attempts: int | None = None
    """Attempts of the chunk; those of the chunks that it was split from are not counted."""
    invoked_at: float | None = None
    """Times in seconds since the epoch: when the attempt was invoked that was last recorded, when
    the service took the request and when it had the answer, by its own account, and when the rows
    were settled."""
    received_at: float | None = None
    completed_at: float | None = None
    settled_at: float | None = None


class Manifest(BaseModel):
    """What `download` and everybody else needs to read a finished job."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1
    type: Literal["Manifest"] = "Manifest"
    job_id: str
    state: JobState
    reason: str | None = None
    endpoint: str
    created_at: float
    finished_at: float
    rows_total: int
    rows_scored: int
    rows_rejected: int
    rows_not_isolated: int = 0
    """Those of the rejected rows that were rejected because the split budget was spent."""
    rows_cancelled: int
    columns: tuple[str, ...]
    """Column names of the result."""
    parts: tuple[ManifestPart, ...]

    def to_json(self) -> str:
        """Serialize the manifest as stored."""
        return self.model_dump_json(exclude_none=True)


def build_manifest(job: Job, settings: JobSettings, chunks: Iterable[Chunk]) -> Manifest:
    """Build the manifest of a job in ``finishing`` from its chunks, in any order.

    The result follows from the ledger alone, so that two finishers write the same bytes.

    Raises:
        ValueError: the job is not in ``finishing``, or its leaf chunks do not tile its rows, or do
            not add up to its counters. The ledger's invariant is broken then, and nothing is
            written.
    """
    if job.rows_total is None or job.finishing_at is None:
        raise ValueError(f"job {job.job_id} is not being finished: {job.state}")
    leaves = sorted((chunk for chunk in chunks if chunk.state.leaf), key=lambda chunk: chunk.range)
    gap = first_gap((chunk.range for chunk in leaves), job.rows_total)
    if gap is not None:
        raise ValueError(f"job {job.job_id}: the ledger's chunks do not tile its {job.rows_total} rows: {gap}")
    counted = (job.rows_scored, job.rows_rejected, job.rows_cancelled)
    if (found := _sums(leaves)) != counted:
        raise ValueError(
            f"job {job.job_id}: its chunks hold {found} rows scored, rejected, cancelled; its counters say {counted}"
        )
    return Manifest(
        job_id=job.job_id,
        state=job.final_state,
        reason=job.reason,
        endpoint=settings.endpoint_name,
        created_at=job.created_at,
        finished_at=job.finishing_at,
        rows_total=job.rows_total,
        rows_scored=job.rows_scored,
        rows_rejected=job.rows_rejected,
        rows_not_isolated=job.rows_not_isolated,
        rows_cancelled=job.rows_cancelled,
        columns=settings.result_columns,
        parts=tuple(manifest_part(chunk) for chunk in leaves),
    )


def _sums(leaves: Iterable[Chunk]) -> tuple[int, int, int]:
    scored = rejected = cancelled = 0
    for chunk in leaves:
        if chunk.state is ChunkState.CANCELLED:
            cancelled += chunk.range.rows
        elif chunk.state in {ChunkState.SCORED, ChunkState.REJECTED}:
            scored += chunk.range.rows - chunk.rejected
            rejected += chunk.rejected
    return scored, rejected, cancelled


def manifest_part(chunk: Chunk) -> ManifestPart:
    """Return the part of a chunk that is settled."""
    has_part = chunk.state in {ChunkState.SCORED, ChunkState.REJECTED}
    return ManifestPart(
        first_row=chunk.range.first_row,
        rows=chunk.range.rows,
        state=chunk.state,
        rejected=chunk.rejected if has_part else 0,
        not_isolated=chunk.not_isolated,
        key=keys.part_key(chunk.job_id, chunk.range) if has_part else None,
        rejects_key=keys.rejects_key(chunk.job_id, chunk.range) if has_part and chunk.rejected else None,
        size_bytes=chunk.part_bytes,
        checksum=chunk.part_checksum,
        reason=chunk.reason if chunk.state is not ChunkState.SCORED else None,
        attempts=chunk.attempt if chunk.invoked_at is not None else None,
        invoked_at=chunk.invoked_at,
        received_at=chunk.received_at,
        completed_at=chunk.completed_at,
        settled_at=chunk.settled_at,
    )
