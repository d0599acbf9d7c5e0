"""Framing of CSV: regroups a stream of bytes at record boundaries, unchanged, in bounded memory.

`tailrace_core.csv_text.records` defines a record. Offsets count bytes from the start of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tailrace_core.csv_text.records import (
    START,
    QuoteState,
    first_record_end,
    last_record_end,
    quoted_spans,
    state_behind,
)
from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""The longest record allowed; a longer one is probably an unclosed quote. It bounds memory."""

DescribePosition = Callable[[int], str]
"""Describes an offset for error messages, as a place in the user's files."""

_SLICE_BYTES = 32 * 1024
"""The size of the blocks that are passed on: lines split from them are still in the CPU's cache."""


def byte_position(offset: int) -> str:
    """Describe an offset as a place in the stream."""
    return f"at byte {offset}"


def complete_records(
    blocks: Iterable[bytes], *, max_record_bytes: int = MAX_RECORD_BYTES, allow_unclosed: bool = False
) -> Iterator[bytes]:
    """Regroup arbitrary blocks of bytes into slices of whole records.

    Memory holds one block and one unfinished record.

    Args:
        blocks: The stream; borders may fall anywhere.
        max_record_bytes: The longest record allowed.
        allow_unclosed: Yield an input's end inside quotes as its last record. A later check has to
            refuse it then.

    Raises:
        RecordTooLargeError: a record is longer than ``max_record_bytes``.
        UnclosedQuoteError: the input ends inside quotes.
    """
    framer = _Framer(max_record_bytes)
    # A record over the limit then crosses a slice border, where its size is checked.
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


def endless_record(
    beginning: bytes, *, row: int, offset: int, limit_bytes: int, describe: DescribePosition
) -> RecordTooLargeError:
    """Return the error for a record over the limit for records, at ``offset``.

    ``beginning`` are its first ``limit_bytes`` or more; they show whether a quote is open there.
    """
    data = beginning[:limit_bytes]
    start, stop = max(quoted_spans(data), default=(0, 0))
    cause = "no record may be longer: shorten it, or leave it out"
    if state_behind(data, (start, stop), START) is QuoteState.QUOTED:
        cause = f"probably a quote in it is not closed, the one {describe(offset + start)}"
    return RecordTooLargeError(
        f"row {row} ({describe(offset)}) is longer than {limit_bytes} bytes; {cause}",
        row=row,
        offset=offset,
        limit_bytes=limit_bytes,
    )


def swallows_lines(record: bytes) -> bool:
    """Report whether an input's last record, which leaves its quote open, holds further lines.

    One that holds none makes a bad row like others.
    """
    return b"\n" in record.removesuffix(b"\n")


def swallowing_quote(record: bytes, *, row: int, offset: int, describe: DescribePosition) -> UnclosedQuoteError:
    """Return the error for an input's last record, at ``offset``, with an open quote and lines."""
    quote, _ = max(quoted_spans(record), default=(0, 0))
    return UnclosedQuoteError(
        f"row {row} opens a quote ({describe(offset + quote)}) that nothing closes before the input ends; "
        "close it, or double it if it is meant as a character",
        row=row,
        offset=offset,
    )


class _Framer:
    """Buffer for the unfinished record between slices."""

    def __init__(self, max_record_bytes: int) -> None:
        self._limit = max_record_bytes
        self._carry: list[bytes] = []
        self._carried = 0
        self._state = START
        self._offset = 0

    def feed(self, data: bytes) -> bytes:
        """Return the records that ``data`` completes; empty when it completes none."""
        end, state_after = last_record_end(data, self._state)
        if not end:
            self._keep(data)
            self._state = state_after
            return b""
        if self._carried and self._carried + end > self._limit:
            self._check(self._carried + first_record_end(data, self._state))
        complete = b"".join((*self._carry, data[:end]))
        self._carry, self._carried, self._state = [], 0, state_after
        self._keep(data[end:])
        self._offset += len(complete)
        return complete

    def check_unfinished(self) -> None:
        self._check(self._carried)

    def finish(self, *, allow_unclosed: bool) -> bytes:
        """Return the last record if it lacks its line end."""
        if self._state is QuoteState.QUOTED and not allow_unclosed:
            raise UnclosedQuoteError(
                f"the record at byte {self._offset} opens a quote that is not closed before the input ends; "
                "close the quote, or double it if it is data",
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
