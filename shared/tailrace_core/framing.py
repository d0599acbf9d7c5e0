"""Framing of CSV: a stream of bytes cut at record boundaries, byte for byte, in bounded memory.

What a record is, ``tailrace_core.records`` says. Rows are counted from 0, offsets in bytes from the start of what is
read here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError
from tailrace_core.records import count_records, first_end, last_end, split_records

__all__ = ["MAX_RECORD_BYTES", "Block", "CountRecords", "Cut", "Place", "at_byte", "complete_records", "count_records"]
__all__ += ["cut", "split_records", "unclosed_quote"]

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is taken for a quote that nobody closed: memory stays bounded by it."""

CountRecords = Callable[[bytes], int]
"""Counts as ``count_records`` does; callers that have something faster (NumPy) hand it in."""

Place = Callable[[int], str]
"""Says of an offset, for messages, where that is for whoever reads them."""


def at_byte(offset: int) -> str:
    """The place of an offset in what is read here."""
    return f"at byte {offset}"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records in a row: ``data`` begins and ends at record boundaries."""

    first_row: int
    rows: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """``rows`` whole records from ``first_row`` on; each piece begins and ends at record boundaries."""

    first_row: int
    rows: int
    size_bytes: int
    pieces: tuple[bytes, ...]


def complete_records(
    blocks: Iterable[bytes],
    *,
    max_record_bytes: int = MAX_RECORD_BYTES,
    allow_unclosed: bool = False,
    count: CountRecords = count_records,
    place: Place = at_byte,
) -> Iterator[Block]:
    """Arbitrary blocks of bytes, regrouped so that each ends where a record ends.

    Memory holds one block and one unfinished record. With ``allow_unclosed`` an input that ends inside quotes yields
    what stands there as its last record; a check further on is then to refuse it.

    Raises:
        RecordTooLargeError: a record of more than ``max_record_bytes``.
        UnclosedQuoteError: the input ends inside quotes.
    """
    framer = _Framer(max_record_bytes, count, place)
    for block in blocks:
        # A record over the limit then crosses a border and is seen, however large the blocks come.
        for start in range(0, len(block), max_record_bytes):
            whole = len(block) <= max_record_bytes
            complete = framer.feed(block if whole else block[start : start + max_record_bytes])
            if complete is not None:
                yield complete
            framer.check_unfinished()
    last = framer.finish(allow_unclosed=allow_unclosed)
    if last is not None:
        yield last


def cut(
    blocks: Iterable[bytes],
    *,
    max_rows: int,
    max_bytes: int,
    max_record_bytes: int = MAX_RECORD_BYTES,
    allow_unclosed: bool = False,
    allow_large: bool = False,
    count: CountRecords = count_records,
    place: Place = at_byte,
) -> Iterator[Cut]:
    """The input in contiguous cuts, each as many records as both limits allow, at least one.

    Where the cuts fall depends on the bytes and the limits alone, not on how the blocks were sliced: reading the same
    input again gives the same cuts, which is what continuing a job rests on. With ``allow_large`` a record over
    ``max_bytes`` makes a cut of its own that is over the limit, unless it is the first of all: then the limit is wrong.

    Raises:
        ValueError: a limit below 1.
        RecordTooLargeError: one record alone is larger than ``max_bytes`` (and not allowed) or ``max_record_bytes``.
        UnclosedQuoteError: as for ``complete_records``.
    """
    if max_rows < 1 or max_bytes < 1:
        raise ValueError(f"a cut holds a row and a byte at least: max_rows={max_rows}, max_bytes={max_bytes}")
    cutter = _Cutter(max_rows, max_bytes, allow_large=allow_large, place=place)
    complete = complete_records(
        blocks, max_record_bytes=max_record_bytes, allow_unclosed=allow_unclosed, count=count, place=place
    )
    for block in complete:
        yield from cutter.feed(block)
    if cutter.rows:
        yield cutter.take()


def unclosed_quote(row: int, offset: int, place: Place = at_byte) -> UnclosedQuoteError:
    """The error of an input that ends inside quotes."""
    return UnclosedQuoteError(
        f"row {row} ({place(offset)}) opens a quote that nothing closes before the input ends; "
        "close it, or double it if it is meant as a character",
        row=row,
        offset=offset,
    )


class _Framer:
    """Keeps the unfinished record between blocks."""

    def __init__(self, max_record_bytes: int, count: CountRecords, place: Place) -> None:
        self._limit = max_record_bytes
        self._count = count
        self._place = place
        self._carry: list[bytes] = []
        self._carried = 0
        self._inside = False
        self._row = 0
        self._offset = 0

    def feed(self, block: bytes) -> Block | None:
        end, inside_after = last_end(block, inside=self._inside)
        if not end:
            self._keep(block)
            self._inside = inside_after
            return None
        if self._carried and self._carried + end > self._limit:
            self._check(self._carried + first_end(block, inside=self._inside))
        rest = block[end:]
        data = block if not self._carry and not rest else b"".join((*self._carry, memoryview(block)[:end]))
        self._carry, self._carried, self._inside = [], 0, inside_after
        self._keep(rest)
        return self._emit(data)

    def check_unfinished(self) -> None:
        self._check(self._carried)

    def finish(self, *, allow_unclosed: bool) -> Block | None:
        if self._inside and not allow_unclosed:
            raise unclosed_quote(self._row, self._offset, self._place)
        return self._emit(b"".join(self._carry)) if self._carry else None

    def _keep(self, data: bytes) -> None:
        if data:
            self._carry.append(data)
            self._carried += len(data)

    def _emit(self, data: bytes) -> Block:
        block = Block(self._row, self._count(data), self._offset, data)
        self._row += block.rows
        self._offset += len(data)
        return block

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit:
            raise RecordTooLargeError(
                f"row {self._row} ({self._place(self._offset)}) is longer than {self._limit} bytes; "
                "probably a quote in it is not closed",
                row=self._row,
                offset=self._offset,
                limit_bytes=self._limit,
            )


class _Cutter:
    """Fills one cut after the other from blocks of whole records."""

    def __init__(self, max_rows: int, max_bytes: int, *, allow_large: bool, place: Place) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._allow_large = allow_large
        self._place = place
        self._first_row = 0
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self.rows = 0

    def feed(self, block: Block) -> Iterator[Cut]:
        """The cuts that this block fills; what is left waits for the next."""
        measured = _Measured(block)
        start = row = 0
        while start < len(block.data):
            if self._fits(block.rows - row, len(block.data) - start):
                end, rows = len(block.data), block.rows - row
            else:
                end, rows = measured.fit(start, self._max_rows - self.rows, self._max_bytes - self._size_bytes)
            if rows:
                self._add(block.data if end - start == len(block.data) else block.data[start:end], rows)
                start, row = end, row + rows
            elif not self.rows:
                end = measured.record_end(start)
                if not self._allow_large or block.first_row + row == 0:
                    raise self._too_large(block, row, start, end - start)
                self._add(block.data[start:end], 1)
                start, row = end, row + 1
            if self.rows == self._max_rows or not rows:
                yield self.take()

    def take(self) -> Cut:
        """What has been gathered so far, as a cut; an empty one begins after it."""
        done = Cut(self._first_row, self.rows, self._size_bytes, tuple(self._pieces))
        self._first_row += self.rows
        self._pieces, self._size_bytes, self.rows = [], 0, 0
        return done

    def _fits(self, rows: int, size_bytes: int) -> bool:
        return self.rows + rows <= self._max_rows and self._size_bytes + size_bytes <= self._max_bytes

    def _add(self, piece: bytes, rows: int) -> None:
        self._pieces.append(piece)
        self._size_bytes += len(piece)
        self.rows += rows

    def _too_large(self, block: Block, row: int, start: int, size_bytes: int) -> RecordTooLargeError:
        return RecordTooLargeError(
            f"row {block.first_row + row} ({self._place(block.offset + start)}) has {size_bytes} bytes, more than the "
            f"{self._max_bytes} that a chunk may have: allow larger chunks, or look for a quote that is not closed",
            row=block.first_row + row,
            offset=block.offset + start,
            size_bytes=size_bytes,
            limit_bytes=self._max_bytes,
        )


class _Measured:
    """Finds how much of a block fits; reads no more of it than it has to, or all of it once if it holds quotes."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._data = block.data

    @cached_property
    def _quoted(self) -> bool:
        return b'"' in self._data

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, split_records(self._data))))

    def fit(self, start: int, max_rows: int, max_bytes: int) -> tuple[int, int]:
        """Where the records from ``start`` on end that fit both limits, and how many they are."""
        if self._quoted:
            first = bisect_right(self._ends, start)
            after = min(bisect_right(self._ends, start + max_bytes), first + max_rows)
            return (self._ends[after - 1], after - first) if after > first else (start, 0)
        limit = len(self._data)
        if start + max_bytes < limit:
            limit = self._data.rfind(b"\n", start, start + max_bytes) + 1
        return self._skip(start, limit, max_rows) if limit > start else (start, 0)

    def record_end(self, start: int) -> int:
        """Where the record that begins at ``start`` ends."""
        if self._quoted:
            return self._ends[bisect_right(self._ends, start)]
        return (self._data.find(b"\n", start) + 1) or len(self._data)

    def _skip(self, start: int, limit: int, rows: int) -> tuple[int, int]:
        """The end of the ``rows``-th record from ``start`` on, or ``limit``, by counting in windows that halve."""
        at, wanted = start, rows
        width = rows * (len(self._data) // self._block.rows + 1)
        while at < limit:
            stop = min(limit, at + width)
            found = self._data.count(b"\n", at, stop)
            if found == wanted:
                return self._data.rfind(b"\n", at, stop) + 1, rows
            if found > wanted:
                width = (stop - at) // 2
            else:
                at, wanted = stop, wanted - found
        return limit, rows - wanted
