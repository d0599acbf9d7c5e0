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
from tailrace.records.bitmaps import Words
from tailrace_core.csv_text.records import START, QuoteState, quoted_spans, state_behind

_NEWLINE, _QUOTE, _COMMA, _RETURN = b'\n",\r'


@dataclass(frozen=True, slots=True, eq=False)
class BlockMarks:
    """A block of input, and the bitmaps that do not depend on the bytes before it."""

    data: bytes
    newlines: Words
    quotes: Words | None
    """Quotes; None when there are none, and then the next two are also None."""
    parity: Words | None
    """Bytes inside quotes, if the block begins outside and each quote opens or closes a field."""
    starts: Words | None
    """Bytes at which a quote opens or continues a field; the first byte is not among them."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Mark a block that begins and ends anywhere."""
        octets = np.frombuffer(data, np.uint8)
        newlines = bitmaps.equal(octets, _NEWLINE)
        if b'"' not in data:
            return cls(data, newlines, None, None, None)
        quotes = bitmaps.equal(octets, _QUOTE)
        before_starts = bitmaps.equal(octets, _COMMA)
        before_starts |= newlines
        before_starts |= quotes
        return cls(data, newlines, quotes, bitmaps.prefix_parity(quotes), bitmaps.shift_up(before_starts))


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
        data, newlines = marks.data, marks.newlines
        if marks.quotes is None or marks.parity is None or marks.starts is None:
            if before is not QuoteState.QUOTED:
                return cls(data, newlines, None, state_behind(data, (0, 0), before))
            inside = bitmaps.invert(np.zeros_like(newlines), len(data))
            return cls(data, newlines & ~inside, inside, before)
        inside = marks.parity if before is not QuoteState.QUOTED else bitmaps.invert(marks.parity, len(data))
        if _is_regular(data, marks.quotes & inside, marks.starts, before):
            return cls(data, newlines & ~inside, inside, _regular_state(data, inside))
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


def _is_regular(data: bytes, opening: Words, starts: Words, before: QuoteState) -> bool:
    """Report whether each quote that parity takes for an opening one opens or continues a field."""
    opening &= ~starts
    if before is QuoteState.FIELD_START:
        opening[0] &= ~np.uint64(1)
    if not opening.any():
        return True
    # A quote that follows a lone carriage return is rare enough to be looked for last.
    returns = bitmaps.equal(np.frombuffer(data, np.uint8), _RETURN)
    return not (opening & ~bitmaps.shift_up(returns)).any()


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
