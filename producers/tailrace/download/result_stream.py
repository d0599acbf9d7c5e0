"""A job's result as a stream of bytes: the header, then the verified rows in the input's order."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator
from dataclasses import dataclass, field

from tailrace.download.parts import PartVerifier, Slice
from tailrace.sources.block_reader import BlockReader
from tailrace_core.csv_text.headers import header_line
from tailrace_core.messages.manifest import Manifest, ManifestPart

_BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a result: the scored and rejected rows of one range of the input, in its order."""

    first_row: int
    """Index of its first row; rows count from 0, the header not included."""
    rows: int
    rejected: int
    """Those of the rows that have no prediction: their output columns are empty."""
    data: bytes = field(repr=False)
    """CSV in UTF-8 without a header, a record a row: the kept columns, then the output columns."""


def checked_part(job_id: str, piece: Slice, data: bytes) -> Part:
    """Return a part that was read as one slice.

    Raises:
        ContractError: it is not what was recorded.
    """
    PartVerifier(job_id).check(piece, data)
    part = piece.part
    return Part(part.first_row, part.rows, part.rejected, data)


def whole(part: ManifestPart) -> Slice:
    """Return the slice that is the whole part."""
    return Slice(part, 0, part.size_bytes or 0, last=True)


def result_blocks(
    manifest: Manifest, slices: Generator[tuple[Slice, bytes], None, None]
) -> Generator[bytes, None, None]:
    """Yield the header and the bytes of each slice, verified.

    A part above `tailrace.download.parts.SLICE_BYTES` is verified when its last slice has come.

    Raises:
        ContractError: a part is not what the manifest says.
    """
    with contextlib.closing(slices):
        verifier = PartVerifier(manifest.job_id)
        yield header_line(manifest.columns)
        for piece, data in slices:
            verifier.check(piece, data)
            yield data
        verifier.check_total(manifest)


def open_stream(blocks: Generator[bytes, None, None]) -> io.BufferedReader:
    """Return a binary file to read the blocks from, once; close it to stop early."""
    return io.BufferedReader(BlockReader(blocks), _BUFFER_BYTES)
