"""Structure: where the records of some bytes end and what of them stands inside quotes, as bitmaps.

``tailrace_core.csv_text.records`` defines records and quoted fields; this module finds the same at gigabytes a second.
While every opening quote stands where a field starts, the parity of quotes up to each byte says whether it is quoted,
for all bytes at once. Bitmaps prove that of a block; a block for which they do not takes the exact way, field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tailrace.records import bitmaps
from tailrace.records.bitmaps import Words
from tailrace_core.csv_text.records import START, QuoteState, quoted_spans, state_behind

_NEWLINE, _QUOTE, _COMMA, _RETURN = b'\n",\r'


@dataclass(frozen=True, slots=True, eq=False)
class ScannedBlock:
    """Bytes that begin and end anywhere, and what was found in them."""

    data: bytes
    ends: Words
    """The newlines outside of quotes."""
    inside: Words | None
    """What stands inside quotes, the opening quotes with it and the closing ones not; None when nothing does."""
    after: QuoteState
    """The state behind them."""

    @classmethod
    def scan(cls, data: bytes, before: QuoteState = START) -> Self:
        """Scan bytes that begin in a state."""
        octets = np.frombuffer(data, np.uint8)
        newlines = bitmaps.equal(octets, _NEWLINE)
        if b'"' not in data:
            if before is not QuoteState.QUOTED:
                return cls(data, newlines, None, state_behind(data, (0, 0), before))
            inside = bitmaps.invert(np.zeros_like(newlines), len(data))
            return cls(data, newlines & ~inside, inside, before)
        quotes = bitmaps.equal(octets, _QUOTE)
        inside = bitmaps.prefix_parity(quotes)
        if before is QuoteState.QUOTED:
            inside = bitmaps.invert(inside, len(data))
        if _is_regular(data, newlines, quotes, inside, before):
            return cls(data, newlines & ~inside, inside, _regular_state(data, inside))
        inside, after = _exact(data, before)
        return cls(data, newlines & ~inside, inside, after)

    @property
    def unclosed(self) -> bool:
        """Whether they end inside quotes."""
        return self.after is QuoteState.QUOTED


BlockSlice = tuple[ScannedBlock, int, int]
"""Of a stretch the bytes from a start to a stop."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Of ``size`` bytes that begin where a record begins and end where one ends."""

    size: int
    ends: Words
    """The last byte of each record: a newline outside of quotes. For a last record without one, the byte after it."""
    inside: Words | None
    """What stands inside quotes, the opening quotes with it and the closing ones not; None when nothing does."""
    rows: int
    unclosed: bool
    """Whether the last record, which then has no line end, does not close its quote."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Of complete bytes, the last record of which may lack its line end."""
        stretch = ScannedBlock.scan(data)
        ended = not data or bitmaps.is_set(stretch.ends, len(data) - 1)
        return cls.join([(stretch, 0, len(data))], bitmaps.count_set(stretch.ends) + (not ended), ended=ended)

    @classmethod
    def join(cls, parts: Sequence[BlockSlice], rows: int, *, ended: bool) -> Self:
        """Of parts side by side that hold so many records, the last of which is ``ended`` by a newline or not."""
        size = sum(stop - start for _, start, stop in parts)
        ends = bitmaps.join([(stretch.ends, start, stop - start) for stretch, start, stop in parts])
        inside = None
        if any(stretch.inside is not None for stretch, _, _ in parts):
            inside = bitmaps.join([(stretch.inside, start, stop - start) for stretch, start, stop in parts])
        if not ended:
            ends[size // 64] |= np.uint64(1 << size % 64)
        return cls(size, ends, inside, rows, unclosed=not ended and parts[-1][0].unclosed)

    @property
    def starts(self) -> Words:
        """The first byte of each record; after a last one with a line end, the byte after it too."""
        starts = bitmaps.shift_up(self.ends)
        starts[0] |= np.uint64(1)
        return starts

    def outside(self, words: Words) -> Words:
        """What of a bitmap of these bytes is outside of quotes."""
        return words if self.inside is None else words & ~self.inside


def _is_regular(data: bytes, newlines: Words, quotes: Words, inside: Words, before: QuoteState) -> bool:
    """Whether each quote that parity takes for an opening one opens a field or continues one."""
    octets = np.frombuffer(data, np.uint8)
    opening = quotes & inside
    starts = newlines | bitmaps.equal(octets, _COMMA) | quotes
    if b"\r" in data:
        starts |= bitmaps.equal(octets, _RETURN)
    starts = bitmaps.shift_up(starts)
    starts[0] |= np.uint64(before is QuoteState.FIELD_START)
    return not (opening & ~starts).any()


def _regular_state(data: bytes, inside: Words) -> QuoteState:
    """The state behind bytes of which each quote opens or closes a field."""
    if bitmaps.is_set(inside, len(data) - 1):
        return QuoteState.QUOTED
    return QuoteState.FIELD_START if data[-1] in b',\r\n"' else QuoteState.TEXT


def _exact(data: bytes, before: QuoteState) -> tuple[Words, QuoteState]:
    """The bitmap of quoted bytes, and the state behind them, of bytes in which some quotes are ordinary characters."""
    spans = list(quoted_spans(data, before))
    last = spans[-1] if spans else (0, 0)
    after = state_behind(data, last, before)
    marked = np.zeros(bitmaps.word_count(len(data)) * 64, np.bool_)
    if spans:
        starts, stops = np.array(spans).T
        # The closing quote does not count as quoted; a field that nothing closes ends with the data.
        closings = stops - 1 if after is not QuoteState.QUOTED else np.append(stops[:-1] - 1, stops[-1])
        marked[starts] = True
        marked[closings[closings < len(data)]] ^= True
    return bitmaps.prefix_parity(np.packbits(marked, bitorder="little").view(np.uint64)), after
