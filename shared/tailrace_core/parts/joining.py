"""Joins a part's lines in batches: kept columns, predictions, and blanks for rejected rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from tailrace_core.csv_text.framing import complete_records
from tailrace_core.csv_text.records import split_lines
from tailrace_core.errors import ContractError

BATCH_LINES = 4096


def blank_prediction(columns: int, *, kept: bool) -> bytes:
    """Return the prediction fields of a rejected row.

    CSV readers skip empty lines, so the line is never empty.
    """
    return b"," * (columns - 1) if kept or columns > 1 else b'""'


def kept_lines(blocks: Iterable[bytes], rows: int, where: str) -> Iterator[list[bytes]]:
    """Yield the records of a kept object, without their line ends, in batches.

    Raises:
        ContractError: the object does not hold ``rows`` records.
    """
    count = 0
    # An input may end inside quotes; its last record is a rejected row then, and its kept fields
    # may end inside them.
    for data in complete_records(blocks, allow_unclosed=True):
        lines = split_lines(data)
        count += len(lines)
        yield lines
    if count != rows:
        raise ContractError(f"{where} holds {count} records for a chunk of {rows} rows; submit the job again")


def insert_blanks(
    predictions: Iterable[list[bytes]], rejected: Sequence[int], rows: int, blank: bytes
) -> Iterator[list[bytes]]:
    """Insert ``blank`` into the predictions at the positions of rejected rows.

    ``rejected`` holds ascending positions, from 0 in the chunk; the result has ``rows`` lines.
    """
    position, next_rejected = 0, 0
    for batch in predictions:
        lines: list[bytes] = []
        taken = 0
        while taken < len(batch):
            if next_rejected == len(rejected):
                more = len(batch) - taken
            else:
                more = min(len(batch) - taken, rejected[next_rejected] - position)
            lines += batch[taken : taken + more]
            taken += more
            position += more
            if next_rejected < len(rejected) and position == rejected[next_rejected]:
                lines.append(blank)
                position += 1
                next_rejected += 1
        if lines:
            yield lines
    left = rows - position
    for start in range(0, left, BATCH_LINES):
        yield [blank] * min(BATCH_LINES, left - start)


def join_lines(predictions: Iterable[list[bytes]], kept: Iterable[list[bytes]] | None) -> Iterator[bytes]:
    """Yield the part's bytes.

    ``kept,prediction`` lines, or bare predictions when nothing is kept.
    """
    if kept is None:
        for batch in predictions:
            if batch:
                yield b"\n".join(batch) + b"\n"
        return
    for left, right in _pair_lines(kept, predictions):
        # Four bytes objects a row, put side by side by assigning slices, then joined: the fastest
        # of many ways.
        row = [b"", b",", b"", b"\n"]
        cells = row * len(left)
        cells[0::4] = left
        cells[2::4] = right
        yield b"".join(cells)


def _pair_lines(left: Iterable[list[bytes]], right: Iterable[list[bytes]]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield batches of equal length from both streams, whose batches are never empty.

    Reads both streams to their ends, because either may raise there.
    """
    lefts, rights = iter(left), iter(right)
    have_left: list[bytes] = []
    have_right: list[bytes] = []
    while True:
        if not have_left:
            have_left = next(lefts, [])
        if not have_right:
            have_right = next(rights, [])
        count = min(len(have_left), len(have_right))
        if not count:
            for _ in chain(lefts, rights):
                pass
            return
        yield have_left[:count], have_right[:count]
        have_left, have_right = have_left[count:], have_right[count:]
