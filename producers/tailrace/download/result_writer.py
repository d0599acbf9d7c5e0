"""Writes a job's result, header and rows in the input's order, and verifies every part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tailrace.download.counts import Download
from tailrace.download.parts import PartVerifier, Slice, header_line
from tailrace.download.safe_csv import SafeCsvWriter, escape_if
from tailrace.download.targets import open_target
from tailrace.progress import DownloadProgress, OnProgress
from tailrace_core.messages.manifest import Manifest


class ResultWriter:
    """Takes the slices of the parts in order."""

    def __init__(self, file: IO[bytes] | SafeCsvWriter, manifest: Manifest, on_progress: OnProgress) -> None:
        self._file = file
        self._manifest = manifest
        self._on_progress = on_progress
        self._verifier = PartVerifier(manifest.job_id)
        file.write(header_line(manifest.columns))

    def counts(self, target: str | None) -> Download:
        """Return what was written, once all of it was."""
        manifest = self._manifest
        return Download(
            job_id=manifest.job_id,
            rows=self._verifier.rows,
            rows_scored=manifest.rows_scored,
            rows_rejected=manifest.rows_rejected,
            size_bytes=self._verifier.size_bytes,
            target=target,
        )

    def write(self, piece: Slice, data: bytes) -> None:
        """Verify and write the next slice.

        Raises:
            ContractError: the part is not what the manifest says.
        """
        self._verifier.check(piece, data)
        self._file.write(data)
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


@contextmanager
def open_result(
    target: str | os.PathLike[str] | IO[bytes], manifest: Manifest, *, safe_csv: bool, on_progress: OnProgress
) -> Iterator[ResultWriter]:
    """Open ``target`` (see `tailrace.download.targets`) for the result of the job.

    The number of rows is checked when the block ends without an error, before the file gets its
    name.
    """
    with open_target(target) as opened, escape_if(opened, wanted=safe_csv) as file:
        writer = ResultWriter(file, manifest, on_progress)
        yield writer
        writer.check_total()
