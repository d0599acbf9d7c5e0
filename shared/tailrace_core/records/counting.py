"""Counting of records in bytes that begin behind a newline, not knowing what that newline was.

Both ways to enter are counted in one pass. They have separate states until, at the end of some
block, both states are the same; from there on the bytes are scanned once. That is so soon behind
the first quote: the wrong way to enter takes text for quoted and quoted for text, where a quote
mostly stands at a place that has no meaning. Bytes without a quote cost the way through quotes
nothing, as they hold no end of a record then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.records import START, QuoteState
from tailrace_core.records import bitmaps
from tailrace_core.records.counts import EntryCount, Within
from tailrace_core.records.structure import ScannedBlock

_SLICE_BYTES = 16 * 1024
"""Size of the stretches in which bytes with quotes are scanned until the states are the same."""
_BLANKS = b" \t\r"
_BLANK_LINE = re.compile(rb"\n[ \t\r]*+(?=\n)")


class RecordCounter:
    """Counts the records of a stretch; the stretch begins at ``offset`` and is fed in blocks.

    ``at_start`` says that a record begins there: then that is the only way to enter. Without
    ``has_quotes``, as in JSON Lines, every newline ends a record, and a blank line is none.
    """

    def __init__(self, offset: int, *, at_start: bool, has_quotes: bool = True) -> None:
        self._has_quotes = has_quotes
        self._blank = _BlankLines()
        self.offset = offset
        """Where the next block begins."""
        self._lanes = {Within.START: _Lane(START, pending=offset)}
        if not at_start:
            self._lanes[Within.QUOTES] = _Lane(QuoteState.QUOTED)

    def feed(self, block: bytes) -> None:
        """Count the next bytes."""
        if not block:
            return
        if not self._has_quotes:
            self._blank.feed(block)
            block = block.replace(b'"', b"'")
        has_quotes = b'"' in block
        for start, stop in self._slices(block, has_quotes=has_quotes):
            scans: dict[QuoteState, _Scan] = {}
            for lane in self._lanes.values():
                if lane.state not in scans:
                    scans[lane.state] = _Scan.of(block, start, stop, lane.state, has_quotes=has_quotes)
                lane.add(scans[lane.state], self.offset, stop - start)
            self.offset += stop - start

    def counts(self) -> dict[Within, EntryCount]:
        """Return the counts for each way to enter, with the stretch ending here."""
        counts = {within: lane.count(self.offset) for within, lane in self._lanes.items()}
        if not self._has_quotes:
            start = counts[Within.START]
            counts[Within.START] = replace(start, rows=start.rows - self._blank.lines)
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return the counter as a JSON object, to go on with in another process."""
        lanes = {within: lane.to_dict() for within, lane in self._lanes.items()}
        blank = asdict(self._blank)
        return {"offset": self.offset, "has_quotes": self._has_quotes, "lanes": lanes, "blank": blank}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> RecordCounter:
        """Go on with a stored counter."""
        counter = cls(stored["offset"], at_start=False, has_quotes=stored["has_quotes"])
        counter._lanes = {Within(within): _Lane.from_dict(lane) for within, lane in stored["lanes"].items()}
        counter._blank = _BlankLines(**stored.get("blank", {}))
        return counter

    def _slices(self, block: bytes, *, has_quotes: bool) -> Iterator[tuple[int, int]]:
        """Yield the block in slices until the states are the same, then the rest of it."""
        start = 0
        while has_quotes and start < len(block) and len({lane.state for lane in self._lanes.values()}) > 1:
            yield start, min(start + _SLICE_BYTES, len(block))
            start += _SLICE_BYTES
        if start < len(block):
            yield start, len(block)


@dataclass(slots=True)
class _BlankLines:
    """The blank lines of a stretch that begins with a line."""

    ended: int = 0
    """Those that have a newline."""
    is_open: bool = False
    """True if a line has begun, and is blank so far."""
    at_start: bool = True
    """True if a line begins at the next byte."""

    @property
    def lines(self) -> int:
        """How many there are, if the stretch ends here."""
        return self.ended + self.is_open

    def feed(self, block: bytes) -> None:
        """Count the next bytes, which are not empty."""
        begins_blank = self.at_start or self.is_open
        first, last = block.find(b"\n"), block.rfind(b"\n")
        if first < 0:
            self.is_open, self.at_start = begins_blank and not block.strip(_BLANKS), False
            return
        self.ended += begins_blank and not block[:first].strip(_BLANKS)
        self.ended += len(_BLANK_LINE.findall(block, first))
        self.at_start = last == len(block) - 1
        self.is_open = not self.at_start and not block[last + 1 :].strip(_BLANKS)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The record ends of a block, with positions in it, and the state behind it."""

    after: QuoteState
    ends: int = 0
    """Their number, without one at the block's last byte."""
    first: int = -1
    """The first of all; -1 if there is none."""
    last: int = -1
    """The last of all but one at the block's last byte; -1 if there is none."""
    closes: bool = False
    """True if the block's last byte ends a record."""
    line: int = -1
    """The first newline behind all these; -1 if there is none."""

    @classmethod
    def of(cls, block: bytes, start: int, stop: int, before: QuoteState, *, has_quotes: bool) -> _Scan:
        if before is QuoteState.QUOTED and not has_quotes:
            return cls(before, line=_position(block.find(b"\n", start, stop), start))
        scanned = ScannedBlock.scan(block, start, stop, before)
        words, final = scanned.ends, stop - start - 1
        first = bitmaps.first_set(words)
        closes = bitmaps.is_set(words, final)
        if closes:
            bitmaps.clear_bit(words, final)
        ends, last = bitmaps.count_set(words), bitmaps.last_set(words)
        line = -1 if closes else _position(block.find(b"\n", start + last + 1, stop), start)
        return cls(scanned.after, ends, first, last, closes, line)


def _position(found: int, start: int) -> int:
    """Return a position found in a block as one in its slice from ``start`` on."""
    return found if found < 0 else found - start


@dataclass(slots=True)
class _Lane:
    """The counts of one way to enter."""

    state: QuoteState
    pending: int | None = None
    """Where a record begins, if any byte follows."""
    rows: int = 0
    first_end: int | None = None
    last_start: int | None = None
    too_long: int | None = None
    rows_before: int = 0
    """Records that start before the one that is too long."""
    first_line: int | None = None
    """The first newline in the record that is open."""

    def add(self, scan: _Scan, offset: int, size: int) -> None:
        """Add the record ends of the block of ``size`` bytes at ``offset``."""
        if self.pending is not None:
            self._begin(self.pending, 1)
            self.pending = None
        if scan.first >= 0:
            end = offset + scan.first + 1
            if self.first_end is None:
                self.first_end = end
            self._check_length(end)
        if scan.ends:
            # Records between two ends of a block are shorter than the limit, as blocks are.
            self._begin(offset + scan.last + 1, scan.ends)
        if scan.first >= 0:
            self.first_line = None
        if scan.line >= 0 and self.first_line is None:
            self.first_line = offset + scan.line
        if scan.closes:
            self.pending = offset + size
        self.state = scan.after

    def count(self, end: int) -> EntryCount:
        """Return the counts, with the stretch ending at ``end``."""
        self._check_length(end)
        after = Within.TEXT
        if self.state is QuoteState.QUOTED:
            after = Within.QUOTES
        elif self.pending is not None:
            after = Within.START
        return EntryCount(
            self.rows, self.first_end, self.last_start, self.too_long, self.rows_before, self.first_line, after
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "state": self.state.value}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> _Lane:
        return cls(**{**stored, "state": QuoteState(stored["state"])})

    def _begin(self, start: int, rows: int) -> None:
        self.rows += rows
        self.last_start = start

    def _check_length(self, end: int) -> None:
        """Note the record that is open, if it is too long with its end here."""
        if self.last_start is not None and self.too_long is None and end - self.last_start > MAX_RECORD_BYTES:
            self.too_long, self.rows_before = self.last_start, self.rows - 1
