"""The structure of CSV text as bitmaps: where records end, and which bytes stand inside quotes.

`tailrace_core.csv_text.records` defines records and quoted fields; this module finds the same at
gigabytes a second. While every opening quote stands where a field starts, the parity of the quotes
up to a byte tells whether the byte is quoted, for all bytes at once. Bitmaps prove that a block is
so; a block without that proof is scanned exactly, field by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tailrace.records import bitmaps
from tailrace.records.bitmaps import Octets, Words
from tailrace_core.csv_text.records import START, QuoteState, quoted_spans, state_behind

_NEWLINE, _QUOTE, _COMMA = b'\n",'


@dataclass(frozen=True, slots=True, eq=False)
class BlockMarks:
    """A block of input, and the bitmaps that do not depend on the bytes before it."""

    data: bytes
    newlines: Words
    quoting: Quoting | None
    """None if the block has no quote."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Mark a block that begins and ends anywhere."""
        octets = np.frombuffer(data, np.uint8)
        newlines = bitmaps.equal(octets, _NEWLINE)
        first = data.find(b'"')
        if first < 0:
            return cls(data, newlines, None)
        quotes = bitmaps.equal(octets, _QUOTE)
        # Most often, the byte before the first quote shows whether that opens a field.
        begins_inside = data[first - 1] not in b",\n\r" if first else False
        return cls(data, newlines, Quoting.of(octets, newlines, quotes, begins_inside=begins_inside))


@dataclass(frozen=True, slots=True, eq=False)
class Quoting:
    """Quoting of a block by the parity of its quotes.

    It is right if each quote opens or closes a field or is one of a doubled quote.
    """

    begins_inside: bool
    """True if the block is taken to begin inside quotes."""
    quotes: Words
    inside: Words
    """Bytes inside quotes, with the opening quotes and without the closing ones."""
    ends: Words
    """Newlines outside of quotes."""
    regular: bool
    """True if each opening quote stands behind a comma, a newline or another quote.

    An opening quote at the first byte is not looked at.
    """

    @classmethod
    def of(cls, octets: Octets, newlines: Words, quotes: Words, *, begins_inside: bool) -> Self:
        """Find the bytes inside quotes, and the newlines outside of them."""
        inside = bitmaps.prefix_parity(quotes)
        if begins_inside:
            inside = bitmaps.invert(inside, len(octets))
        # `(a | b) ^ b` is `a & ~b`, and the union is of use.
        fitting = newlines | inside
        ends = fitting ^ inside
        fitting |= quotes
        fitting |= bitmaps.equal(octets, _COMMA)
        # The bytes before quoted ones that are not quoted themselves, and do not fit there.
        misfits = bitmaps.shift_down(inside)
        misfits |= fitting
        misfits ^= fitting
        return cls(begins_inside, quotes, inside, ends, not np.count_nonzero(misfits))


@dataclass(frozen=True, slots=True, eq=False)
class ScannedBlock:
    """A block of input, which begins and ends anywhere, and the bitmaps of its structure."""

    data: bytes
    ends: Words
    """Newlines outside of quotes."""
    inside: Words | None
    """Bytes inside quotes, with the opening quotes and without the closing ones; None when there
    are none."""
    after: QuoteState
    """The quote state after the block."""

    @classmethod
    def scan(cls, data: bytes, before: QuoteState = START) -> Self:
        """Scan a block that begins in the state ``before``."""
        return cls.resolve(BlockMarks.of(data), before)

    @classmethod
    def resolve(cls, marks: BlockMarks, before: QuoteState) -> Self:
        """Find the structure of a marked block that begins in the state ``before``."""
        data, newlines, quoting = marks.data, marks.newlines, marks.quoting
        begins_inside = before is QuoteState.QUOTED
        if quoting is None:
            if not begins_inside:
                return cls(data, newlines, None, state_behind(data, (0, 0), before))
            nothing = np.zeros_like(newlines)
            return cls(data, nothing, bitmaps.invert(nothing, len(data)), before)
        if quoting.begins_inside is not begins_inside:
            octets = np.frombuffer(data, np.uint8)
            quoting = Quoting.of(octets, newlines, quoting.quotes, begins_inside=begins_inside)
        if quoting.regular and not (before is QuoteState.TEXT and data.startswith(b'"')):
            return cls(data, quoting.ends, quoting.inside, _regular_state(data, quoting.inside))
        inside, after = _exact(data, before)
        return cls(data, newlines & ~inside, inside, after)

    @property
    def unclosed(self) -> bool:
        """True if the block ends inside quotes."""
        return self.after is QuoteState.QUOTED


BlockSlice = tuple[ScannedBlock, int, int]
"""A block, and the start and stop of a slice of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """The structure of ``size`` bytes of whole records."""

    size: int
    ends: Words
    """Last byte of each record, a newline outside of quotes; for a last record without one, the
    byte after it."""
    inside: Words | None
    """Bytes inside quotes, with the opening quotes and without the closing ones; None when there
    are none."""
    rows: int
    unclosed: bool
    """True if the last record leaves its quote open; it has no line end then."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Find the structure of whole records; the last one may lack its line end."""
        block = ScannedBlock.scan(data)
        ended = not data or bitmaps.is_set(block.ends, len(data) - 1)
        return cls.join([(block, 0, len(data))], bitmaps.count_set(block.ends) + (not ended), ended=ended)

    @classmethod
    def join(cls, parts: Sequence[BlockSlice], rows: int, *, ended: bool) -> Self:
        """Join the structures of slices that hold ``rows`` records.

        ``ended``: the last record has a line end.
        """
        size = sum(stop - start for _, start, stop in parts)
        ends = bitmaps.join([(block.ends, start, stop - start) for block, start, stop in parts])
        inside = None
        if any(block.inside is not None for block, _, _ in parts):
            inside = bitmaps.join([(block.inside, start, stop - start) for block, start, stop in parts])
        if not ended:
            ends[size // 64] |= np.uint64(1 << size % 64)
        return cls(size, ends, inside, rows, unclosed=not ended and parts[-1][0].unclosed)

    @property
    def starts(self) -> Words:
        """First byte of each record; if the last record has a line end, also the byte after it."""
        starts = bitmaps.shift_up(self.ends)
        starts[0] |= np.uint64(1)
        return starts

    def outside(self, words: Words) -> Words:
        """Return the bits of ``words`` that stand outside of quotes."""
        return words if self.inside is None else words & ~self.inside


def _regular_state(data: bytes, inside: Words) -> QuoteState:
    """Return the state after bytes in which each quote opens or closes a field."""
    if bitmaps.is_set(inside, len(data) - 1):
        return QuoteState.QUOTED
    return QuoteState.FIELD_START if data[-1] in b',\r\n"' else QuoteState.TEXT


def _exact(data: bytes, before: QuoteState) -> tuple[Words, QuoteState]:
    """Return the bitmap of quoted bytes and the final state.

    Here some quotes are ordinary characters.
    """
    spans = list(quoted_spans(data, before))
    last = spans[-1] if spans else (0, 0)
    after = state_behind(data, last, before)
    marked = np.zeros(bitmaps.word_count(len(data)) * 64, np.bool_)
    if spans:
        starts, stops = np.array(spans).T
        # The closing quote does not count as quoted; a field that nothing closes ends with the
        # data.
        closings = stops - 1 if after is not QuoteState.QUOTED else np.append(stops[:-1] - 1, stops[-1])
        marked[starts] = True
        marked[closings[closings < len(data)]] ^= True
    return bitmaps.prefix_parity(np.packbits(marked, bitorder="little").view(np.uint64)), after
