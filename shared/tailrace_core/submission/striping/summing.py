"""The sum of the counts of all stripes: where each stripe's records begin and end.

From the left, the state behind a stripe is the one in which the next is entered. What cannot be is
refused here, before anything is sent, with the words of a submit that reads the objects itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from tailrace_core.compression.decompression import decompress
from tailrace_core.csv_text.framing import MAX_RECORD_BYTES, DescribePosition, endless_record, swallowing_quote
from tailrace_core.csv_text.heads import ends_inside_quotes, header_only, other_header
from tailrace_core.csv_text.records import quoted_spans
from tailrace_core.errors import InputError
from tailrace_core.records.counts import EntryCount, Within
from tailrace_core.submission.striping.counts import PieceCount, StripeCount
from tailrace_core.submission.striping.manifest import Piece, SourceObject, Stripe
from tailrace_core.submission.striping.reading import DataRange, OpenRange, StripeStart, behind


class Summing:
    """Takes stripes and their counts in order, and yields the starts of those that have rows.

    A start is yielded when it is known where its last record ends. ``header`` is the header record
    of the first object, None if the input has none. ``is_time_up`` is asked while a compressed
    object is read to the place of an error.
    """

    def __init__(
        self, *, header: bytes | None, open_range: OpenRange, is_time_up: Callable[[], bool] = lambda: False
    ) -> None:
        self._header = header
        self._open_range = open_range
        self._is_time_up = is_time_up
        self.rows_total = 0
        self.objects = 0
        self.size_bytes = 0
        """Bytes of all objects, as stored."""
        self._first_name = ""
        self._several = False
        self._head_error: InputError | None = None
        self._error: InputError | None = None
        self._pending: _Start | None = None
        self._object = _ObjectState()

    def add(self, stripe: Stripe, count: StripeCount) -> Iterator[StripeStart]:
        """Add the next stripe."""
        self._several = stripe.of_several
        start = _Start(stripe.number, self.rows_total)
        for piece, counted in zip(stripe.pieces, count.pieces, strict=True):
            if piece.start == 0:
                self._begin_object(piece, counted)
            if counted.problem is not None:
                self._refuse(InputError(counted.problem), in_head=counted.in_head)
            # Behind a record without an end, no way to enter is known.
            if entry := (counted.entries or {}).get(self._object.within):
                self._add_piece(start, piece, counted, entry)
            if piece.reaches_end:
                self._end_object(piece)
        start.rows = self.rows_total - start.first_row
        if start.rows:
            if self._pending is not None:
                yield self._pending.done(of_several=self._several)
            self._pending = start

    def finish(self) -> StripeStart:
        """Return the last start.

        Raises:
            InputError: the input cannot be cut: an object has another header than the first, holds
                no CSV, ends inside quotes, has a record over the limit; or no object holds a row.
        """
        if self._head_error is not None:
            raise self._head_error
        if self._error is not None:
            raise self._error
        if self._pending is None:
            raise header_only(self._first_name)
        return self._pending.done(of_several=self._several, is_last=True)

    def _begin_object(self, piece: Piece, counted: PieceCount) -> None:
        source = piece.source
        self._first_name = self._first_name or source.name
        self.objects += 1
        self.size_bytes += source.size_bytes
        self._object = _ObjectState(line_end=counted.line_end.encode(), is_compressed=counted.is_compressed)
        if counted.other_header is not None:
            record, header = counted.other_header.encode(), self._header or b""
            self._refuse(other_header(record, source.name, header=header, first=self._first_name), in_head=True)

    def _add_piece(self, start: _Start, piece: Piece, counted: PieceCount, entry: EntryCount) -> None:
        state = self._object
        enters_within, state.within = state.within, entry.after
        state.stop = counted.stop
        if enters_within is not Within.START:
            self._check_length(piece.source, counted.stop if entry.first_end is None else entry.first_end)
            if entry.first_end is not None:
                state.end_record(entry.first_end)
        is_header = piece.start == 0 and self._header is not None
        rows = entry.rows - is_header
        if entry.too_long is not None:
            self._refuse_endless(piece.source, entry.too_long, self.rows_total + entry.rows_before - is_header)
        if rows:
            begin = counted.start if enters_within is Within.START else entry.first_end
            assert begin is not None  # noqa: S101 - a record starts behind the one that was open
            state.open_range = _Range(piece.source, counted.data_start if piece.start == 0 else begin)
            state.open_range.is_compressed = state.is_compressed
            start.ranges.append(state.open_range)
            self.rows_total += rows
        if entry.last_start is not None:
            state.record_start = entry.last_start
            state.first_line = None
        if state.first_line is None:
            state.first_line = entry.first_line
        if entry.after is Within.START:
            state.end_record(counted.stop)

    def _end_object(self, piece: Piece) -> None:
        state = self._object
        if state.within is Within.START:
            return
        inserted = state.line_end if state.within is Within.TEXT and not piece.is_last else b""
        self._check_length(piece.source, state.stop + len(inserted))
        if state.within is Within.QUOTES and self._error is None and (state.swallows_line or not piece.is_last):
            self._refuse(self._open_quote(piece))
        if state.open_range is not None:
            state.open_range.line_end = inserted
        state.end_record(state.stop)

    def _open_quote(self, piece: Piece) -> InputError:
        """Return the error for an object whose last record leaves its quote open."""
        at = self._object.record_start
        record = self._read(piece.source, at, self._object.stop)
        if piece.is_last:
            row, describe = self.rows_total - 1, self._describe(piece.source)
            return swallowing_quote(record, row=row, offset=at, describe=describe)
        quote, _ = max(quoted_spans(record), default=(0, 0))
        return ends_inside_quotes(piece.source.name, at + quote)

    def _check_length(self, source: SourceObject, end: int) -> None:
        """Check the record that is open, with its end, or a place in it, at ``end``."""
        if end - self._object.record_start > MAX_RECORD_BYTES:
            self._refuse_endless(source, self._object.record_start, self.rows_total - 1)

    def _refuse_endless(self, source: SourceObject, at: int, row: int) -> None:
        if self._error is None:
            beginning = self._read(source, at, at + MAX_RECORD_BYTES)
            describe = self._describe(source)
            self._refuse(endless_record(beginning, row=row, offset=at, limit_bytes=MAX_RECORD_BYTES, describe=describe))

    def _refuse(self, error: InputError, *, in_head: bool = False) -> None:
        """Note an error. Those of all heads come before others, as all heads are checked first."""
        if in_head:
            self._head_error = self._head_error or error
        else:
            self._error = self._error or error

    def _read(self, source: SourceObject, start: int, stop: int) -> bytes:
        """Read a part of an object, decompressed.

        Where time runs out before that place is reached, it is empty, and the message names the
        start of the record instead of the quote's place.
        """
        if not self._object.is_compressed:
            return b"".join(self._open_range(source, start, min(stop, source.size_bytes)))
        data = b""
        stored = decompress(self._open_range(source, 0, None), source.name)
        for block in behind(takewhile(lambda _: not self._is_time_up(), stored), start):
            data += block
            if len(data) >= stop - start:
                break
        return data[: stop - start]

    def _describe(self, source: SourceObject) -> DescribePosition:
        of = f" of {source.name}" if self._several else ""
        return lambda offset: f"at byte {offset}{of}"


@dataclass(slots=True)
class _Range:
    """A `DataRange` whose end may not be known yet."""

    source: SourceObject
    start: int
    stop: int | None = None
    is_compressed: bool = False
    line_end: bytes = b""

    def done(self) -> DataRange:
        stop = None if self.is_compressed else self.stop
        return DataRange(self.source, self.start, stop, self.is_compressed, self.line_end)


@dataclass(slots=True)
class _Start:
    """A `StripeStart` in the making."""

    number: int
    first_row: int
    rows: int = 0
    ranges: list[_Range] = field(default_factory=list)

    def done(self, *, of_several: bool, is_last: bool = False) -> StripeStart:
        ranges = tuple(each.done() for each in self.ranges)
        return StripeStart(self.number, self.first_row, self.rows, ranges, of_several, is_last)


@dataclass(slots=True)
class _ObjectState:
    """The state of the walk through an object; offsets are those of its decompressed bytes."""

    within: Within = Within.START
    stop: int = 0
    """The end of the bytes so far."""
    record_start: int = 0
    """The start of the last record so far."""
    first_line: int | None = None
    """The first newline in it."""
    open_range: _Range | None = None
    """The range that holds the last record, if that is not ended."""
    line_end: bytes = b"\n"
    is_compressed: bool = False

    @property
    def swallows_line(self) -> bool:
        """True if the open record holds a newline that is not the last byte of all."""
        return self.first_line is not None and self.first_line < self.stop - 1

    def end_record(self, end: int) -> None:
        """End the record that is open, and so the range that holds it."""
        if self.open_range is not None:
            self.open_range.stop = end
            self.open_range = None
