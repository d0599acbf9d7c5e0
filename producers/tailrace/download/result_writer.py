"""Writes a job's result, header and rows in the input's order, and verifies every part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol

from tailrace.download.counts import Download
from tailrace.download.object_upload import S3Target
from tailrace.download.parts import PartVerifier, Slice
from tailrace.download.safe_csv import escape_if
from tailrace.download.tables.column_types import ColumnTypes
from tailrace.download.targets import CountingFile, is_parquet, open_target
from tailrace.progress import DownloadProgress, OnProgress
from tailrace_core.csv_text.headers import header_line
from tailrace_core.messages.manifest import Manifest


class Rows(Protocol):
    """Takes rows of CSV, in slices that end anywhere."""

    def write(self, data: bytes, /) -> object: ...  # noqa: D102 - the class says it


class ResultWriter:
    """Takes the slices of the parts in order."""

    def __init__(self, rows: Rows, manifest: Manifest, on_progress: OnProgress, counted: list[CountingFile]) -> None:
        self._rows = rows
        self._manifest = manifest
        self._on_progress = on_progress
        self._verifier = PartVerifier(manifest.job_id)
        self._counted = counted

    def counts(self, target: str | None) -> Download:
        """Return what was written, once all of it was."""
        manifest = self._manifest
        return Download(
            job_id=manifest.job_id,
            rows=self._verifier.rows,
            rows_scored=manifest.rows_scored,
            rows_rejected=manifest.rows_rejected,
            size_bytes=self._counted[0].size_bytes,
            target=target,
        )

    def write(self, piece: Slice, data: bytes) -> None:
        """Verify and write the next slice.

        Raises:
            ContractError: the part is not what the manifest says.
        """
        self._verifier.check(piece, data)
        self._rows.write(data)
        self._on_progress(
            DownloadProgress(
                job_id=self._manifest.job_id,
                rows=self._verifier.rows,
                rows_total=self._manifest.rows_total,
                size_bytes=self._verifier.size_bytes,
            )
        )

    def check_total(self) -> None:
        """Check that all rows have been written.

        Raises:
            ContractError: they have not.
        """
        self._verifier.check_total(self._manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """How a result is written."""

    safe_csv: bool = False
    columns: ColumnTypes | None = None
    """The columns' types, which Parquet needs."""
    s3: S3Target | None = None
    """Writes to the target that is an address of S3."""


@contextmanager
def open_result(
    target: str | os.PathLike[str] | IO[bytes], manifest: Manifest, options: ResultOptions, on_progress: OnProgress
) -> Iterator[ResultWriter]:
    """Open ``target`` (see `tailrace.download.targets`) for the result of the job.

    The number of rows is checked when the block ends without an error, before the file gets its
    name.
    """
    counted: list[CountingFile] = []
    with (
        open_target(target, s3=options.s3, counted=counted) as opened,
        _rows(opened, manifest, options, parquet=is_parquet(target)) as rows,
    ):
        writer = ResultWriter(rows, manifest, on_progress, counted)
        yield writer
        writer.check_total()


@contextmanager
def _rows(file: IO[bytes], manifest: Manifest, options: ResultOptions, *, parquet: bool) -> Iterator[Rows]:
    if parquet and options.columns is not None:
        from tailrace.download.tables.arrow_tables import parquet_rows  # noqa: PLC0415 - needed for Parquet only

        with parquet_rows(file, options.columns) as sink:
            yield sink
        return
    with escape_if(file, wanted=options.safe_csv) as rows:
        rows.write(header_line(manifest.columns))
        yield rows
