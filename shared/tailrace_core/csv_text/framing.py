"""Framing of CSV: a stream of bytes regrouped at record boundaries, byte for byte, in bounded memory.

What a record is, ``tailrace_core.csv_text.records`` says. Offsets are in bytes from the start of what is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tailrace_core.csv_text.records import first_record_end, last_record_end
from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer record is taken for a quote that nobody closed: memory stays bounded by it."""

_SLICE_BYTES = 32 * 1024
"""About as much is handed on at a time: lines made of it are still in the cache when they are put to use."""


def complete_records(
    blocks: Iterable[bytes], *, max_record_bytes: int = MAX_RECORD_BYTES, allow_unclosed: bool = False
) -> Iterator[bytes]:
    """Arbitrary blocks of bytes in small slices, each of which begins and ends where a record does.

    Memory holds one block and one unfinished record. With ``allow_unclosed`` an input that ends inside quotes yields
    what stands there as its last record; a check further on is then to refuse it.

    Raises:
        RecordTooLargeError: a record of more than ``max_record_bytes``.
        UnclosedQuoteError: the input ends inside quotes.
    """
    framer = _Framer(max_record_bytes)
    # A record over the limit crosses a border of slices and so is seen.
    size = min(_SLICE_BYTES, max_record_bytes)
    for block in blocks:
        for start in range(0, len(block), size):
            complete = framer.feed(block[start : start + size])
            if complete:
                yield complete
            framer.check_unfinished()
    last = framer.finish(allow_unclosed=allow_unclosed)
    if last:
        yield last


class _Framer:
    """Keeps the unfinished record between slices."""

    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
        self._carry: list[bytes] = []
        self._carried = 0
        self._inside = False
        self._offset = 0

    def feed(self, data: bytes) -> bytes:
        """The records that ``data`` completes; empty when it completes none."""
        end, inside_after = last_record_end(data, inside=self._inside)
        if not end:
            self._keep(data)
            self._inside = inside_after
            return b""
        if self._carried and self._carried + end > self._limit:
            self._check(self._carried + first_record_end(data, inside=self._inside))
        complete = b"".join((*self._carry, data[:end]))
        self._carry, self._carried, self._inside = [], 0, inside_after
        self._keep(data[end:])
        self._offset += len(complete)
        return complete

    def check_unfinished(self) -> None:
        self._check(self._carried)

    def finish(self, *, allow_unclosed: bool) -> bytes:
        """The last record, if it lacks its line end."""
        if self._inside and not allow_unclosed:
            raise UnclosedQuoteError(
                f"the record at byte {self._offset} opens a quote that nothing closes before the input ends",
                offset=self._offset,
            )
        return b"".join(self._carry)

    def _keep(self, data: bytes) -> None:
        if data:
            self._carry.append(data)
            self._carried += len(data)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit:
            raise RecordTooLargeError(
                f"the record at byte {self._offset} is longer than {self._limit} bytes; "
                "probably a quote in it is not closed",
                offset=self._offset,
                limit_bytes=self._limit,
            )
