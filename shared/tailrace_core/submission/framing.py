"""Framing of a screened cut: its rows as requests in JSON, in as many chunks as the limits demand.

Rows take more bytes in JSON than in CSV, how many more shows when they are written. So a cut may
make several chunks. They follow from its bytes and the job's settings alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.request_frames import RequestFrame
from tailrace_core.records.cutting import Cut
from tailrace_core.records.screening import ScreenedCut


@dataclass(frozen=True, slots=True)
class FramedRows:
    """The rows of a chunk: their bytes in the source, and the contents of the chunk's objects."""

    range: RowRange
    source: bytes
    input: bytes
    kept: tuple[bytes, ...]
    rejected: tuple[Reject, ...]


def framed_chunks(
    cut: Cut, screened: ScreenedCut, frame: RequestFrame, *, most_bytes: int, most_bytes_alone: int
) -> Iterator[FramedRows]:
    """Yield the chunks of a cut in order.

    An input object of several rows has up to ``most_bytes``. A row that alone has more than
    ``most_bytes_alone`` is rejected.
    """
    lines = frame.encode(b"".join(screened.sent))
    rows_sent = cut.rows - len(screened.rejected)
    if rows_sent and frame.wrapped_bytes(rows_sent, len(lines)) > most_bytes:
        yield from _divided(cut, screened, frame, io.BytesIO(lines).readlines(), (most_bytes, most_bytes_alone))
        return
    yield FramedRows(
        RowRange(cut.first_row, cut.rows),
        cut.data,
        frame.wrap(lines) if rows_sent else b"",
        screened.kept,
        screened.rejected,
    )


def _divided(
    cut: Cut, screened: ScreenedCut, frame: RequestFrame, lines: Sequence[bytes], most: tuple[int, int]
) -> Iterator[FramedRows]:
    most_bytes, most_bytes_alone = most
    records = split_records(cut.data)
    kept = split_records(b"".join(screened.kept))
    rejected = {each.row - cut.first_row: each for each in screened.rejected}
    sent: list[bytes | None] = []
    following = iter(lines)
    for at, record in enumerate(records):
        line = None if at in rejected else next(following)
        if line is not None and (size := frame.wrapped_bytes(1, len(line))) > most_bytes_alone:
            reason = f"row of {size} bytes as JSON is over the chunk limit of {most_bytes_alone}"
            body = record.removesuffix(b"\n").removesuffix(b"\r")
            rejected[at] = Reject(cut.first_row + at, reason, body)
            line = None
        sent.append(line)
    for start, stop in _pieces(sent, frame, most_bytes):
        mine = [line for line in sent[start:stop] if line is not None]
        yield FramedRows(
            RowRange(cut.first_row + start, stop - start),
            b"".join(records[start:stop]),
            frame.join(mine) if mine else b"",
            (b"".join(kept[start:stop]),) if kept else (),
            tuple(rejected[at] for at in range(start, stop) if at in rejected),
        )


def _pieces(sent: Sequence[bytes | None], frame: RequestFrame, most_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each chunk and the one behind its last, for chunks of about a size."""
    empty = frame.wrapped_bytes(1, 0)
    row_bytes = frame.wrapped_bytes(2, 0) - empty
    sizes = [0 if line is None else len(line) + row_bytes for line in sent]
    room = max(1, most_bytes - empty)
    total = sum(sizes)
    share = -(-total // -(-total // room)) if total else room
    start = size = 0
    for at, more in enumerate(sizes):
        if size and (size + more > room or size >= share):
            yield start, at
            start, size = at, 0
        size += more
    yield start, len(sent)
