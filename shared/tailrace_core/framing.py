"""Framing of CSV: a stream of bytes cut at record boundaries, byte for byte, in bounded memory.

What a record is, ``tailrace_core.records`` says. Rows are counted from 0, offsets in bytes from the start of what is
read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError
from tailrace_core.records import count_records, first_end, last_end

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is taken for a quote that nobody closed: memory stays bounded by it."""

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


def complete_records(
    blocks: Iterable[bytes],
    *,
    max_record_bytes: int = MAX_RECORD_BYTES,
    allow_unclosed: bool = False,
) -> Iterator[Block]:
    """Arbitrary blocks of bytes, regrouped so that each ends where a record ends.

    Memory holds one block and one unfinished record. With ``allow_unclosed`` an input that ends inside quotes yields
    what stands there as its last record; a check further on is then to refuse it.

    Raises:
        RecordTooLargeError: a record of more than ``max_record_bytes``.
        UnclosedQuoteError: the input ends inside quotes.
    """
    framer = _Framer(max_record_bytes)
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

    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
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
            raise unclosed_quote(self._row, self._offset)
        return self._emit(b"".join(self._carry)) if self._carry else None

    def _keep(self, data: bytes) -> None:
        if data:
            self._carry.append(data)
            self._carried += len(data)

    def _emit(self, data: bytes) -> Block:
        block = Block(self._row, count_records(data), self._offset, data)
        self._row += block.rows
        self._offset += len(data)
        return block

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit:
            raise RecordTooLargeError(
                f"row {self._row} ({at_byte(self._offset)}) is longer than {self._limit} bytes; "
                "probably a quote in it is not closed",
                row=self._row,
                offset=self._offset,
                limit_bytes=self._limit,
            )
