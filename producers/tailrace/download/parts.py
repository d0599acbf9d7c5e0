"""The parts of a finished job in order: slices of bounded size to read, and their verification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tailrace_core.aws.calls import BodyCall
from tailrace_core.csv_text.records import START, QuoteState, outside_quotes, state_after
from tailrace_core.errors import ContractError, InputError, NotFoundError
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tailrace_core.objects.checksums import Checksum

SLICE_BYTES = 8 * 1024 * 1024
_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of bytes of a part; ``last`` when the part ends with it."""

    part: ManifestPart
    start: int
    size_bytes: int
    last: bool

    def call(self, bucket: str) -> BodyCall:
        """Return the call that reads the bytes."""
        params: dict[str, Any] = {"Bucket": bucket, "Key": self.part.key}
        if not (self.start == 0 and self.last):
            params["Range"] = f"bytes={self.start}-{self.start + self.size_bytes - 1}"
        return BodyCall("s3", "get_object", params)


def object_call(bucket: str, key: str) -> BodyCall:
    """Return the call that reads an object."""
    return BodyCall("s3", "get_object", {"Bucket": bucket, "Key": key})


def require_delivered(job: Job) -> None:
    """Refuse a job without a whole result.

    Raises:
        InputError: it is under way, or ended early.
    """
    if not job.state.final:
        raise InputError(f"job {job.job_id} is {job.state}: wait for it first with `tailrace wait {job.job_id}`")
    if job.state is JobState.FAILED and not job.rows_scored:
        raise InputError(
            f"job {job.job_id} failed and has no result ({job.reason or 'no reason given'}); "
            f"see its rejected rows with `tailrace rejects {job.job_id}`"
        )
    if job.state not in _DELIVERED:
        raise InputError(
            f"job {job.job_id} ended as {job.state} ({job.reason or 'no reason given'}): it has no whole result; "
            "the parts that its manifest names hold the rows that were scored"
        )


def read_manifest(body: bytes, job: Job) -> Manifest:
    """Parse the manifest of ``job``.

    Raises:
        ContractError: ``body`` is no manifest, or the manifest is not of this job.
    """
    try:
        manifest = Manifest.model_validate_json(body)
    except ValueError as exc:
        raise ContractError(f"the manifest of job {job.job_id} cannot be read: {exc}") from exc
    if manifest.job_id != job.job_id or manifest.rows_total != job.rows_total:
        raise ContractError(f"the manifest of job {job.job_id} is not that of the job in the ledger")
    return manifest


def slices(manifest: Manifest, slice_bytes: int = SLICE_BYTES) -> Iterator[Slice]:
    """Yield the slices of all parts, in order.

    Raises:
        ContractError: a part has no location or no size.
    """
    for part in manifest.parts:
        if part.key is None or part.size_bytes is None:
            raise ContractError(f"the manifest of job {manifest.job_id} names no part for rows from {part.first_row}")
        for start in range(0, part.size_bytes, slice_bytes):
            size_bytes = min(slice_bytes, part.size_bytes - start)
            yield Slice(part, start, size_bytes, last=start + size_bytes == part.size_bytes)


class PartVerifier:
    """Checks the slices in order against the manifest: each part's size, checksum and rows."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._checksum = Checksum()
        self._part_rows = 0
        self._state = START
        self.rows = 0
        self.size_bytes = 0

    def check(self, piece: Slice, data: bytes) -> None:
        """Check the next slice.

        Raises:
            ContractError: the slice's size differs, or the part's checksum or number of rows.
        """
        if len(data) != piece.size_bytes:
            raise self._damaged(piece, f"{len(data)} bytes where {piece.size_bytes} are expected")
        self._checksum.update(data)
        self._count(data)
        self.size_bytes += len(data)
        if not piece.last:
            return
        if piece.part.checksum is not None and str(self._checksum) != piece.part.checksum:
            raise self._damaged(piece, f"its checksum is {self._checksum}, {piece.part.checksum} is expected")
        if self._part_rows != piece.part.rows or self._state is QuoteState.QUOTED:
            raise self._damaged(piece, f"it holds {self._part_rows} rows, {piece.part.rows} are expected")
        self.rows += self._part_rows
        self._checksum, self._part_rows = Checksum(), 0

    def check_total(self, manifest: Manifest) -> None:
        """Check that all rows of the job were in the slices.

        Raises:
            ContractError: they have not.
        """
        if self.rows != manifest.rows_total:
            raise ContractError(f"the parts of job {self._job_id} hold {self.rows} of {manifest.rows_total} rows")

    def _count(self, data: bytes) -> None:
        quoted = b'"' in data or self._state is QuoteState.QUOTED
        plain = outside_quotes(data, self._state) if quoted else data
        self._part_rows += plain.count(b"\n")
        self._state = state_after(data, self._state)

    def _damaged(self, piece: Slice, what: str) -> ContractError:
        return ContractError(
            f"the part {piece.part.key} of job {self._job_id} is damaged: {what}; nothing of it was delivered",
            key=piece.part.key,
        )


def rejects_keys(manifest: Manifest) -> list[str]:
    """Return the keys of the objects that hold the rejected rows, in order."""
    return [part.rejects_key for part in manifest.parts if part.rejects_key is not None]


def missing_manifest_error(job: Job, exc: NotFoundError) -> ContractError:
    """Return the error for a final job without a manifest."""
    return ContractError(
        f"job {job.job_id} is {job.state} and its manifest is not there ({exc.message}): "
        "it may have expired by the bucket's lifecycle rules"
    )
