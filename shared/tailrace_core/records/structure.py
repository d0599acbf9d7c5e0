"""The structure of CSV text as bitmaps: where records end, and which bytes stand inside quotes.

`tailrace_core.csv_text.records` defines records and quoted fields; this module finds the same at
gigabytes a second. While every opening quote stands where a field starts, the parity of the quotes
up to a byte tells whether the byte is quoted, for all bytes at once. Bitmaps prove that a block is
so; a block without that proof is scanned exactly, field by field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tailrace_core.csv_text.records import START, QuoteState, quoted_spans, state_behind
from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Octets, Words
from tailrace_core.records.marks import Fetch, Marks

_NEWLINE, _QUOTE = b'\n"'


@dataclass(frozen=True, slots=True, eq=False)
class ScannedBlock:
    """The structure of a block of input, which begins and ends anywhere, as bitmaps."""

    ends: Words
    """Newlines outside of quotes."""
    inside: Words | None
    """Bytes inside quotes, with the opening quotes and without the closing ones; None when there
    are none."""
    commas: Words | None
    """All commas; None when nobody looked for them."""
    after: QuoteState
    """The quote state after the block."""

    @classmethod
    def scan(
        cls,
        data: bytes | bytearray,
        start: int,
        stop: int,
        before: QuoteState = START,
        fetch: Fetch | None = None,
    ) -> Self:
        """Scan the block from ``start`` to ``stop``, which begins in the state ``before``.

        ``fetch`` reads the bytes that are not there yet.
        """
        octets = np.frombuffer(data, np.uint8, stop - start, start)
        begins_inside = before is QuoteState.QUOTED
        marks = Marks.find(data, start, stop, inside=begins_inside, fetch=fetch)
        newlines = marks.newlines
        if not marks.has_quotes:
            if begins_inside:
                nothing = np.zeros_like(newlines)
                return cls(nothing, bitmaps.invert(nothing, len(octets)), None, before)
            return cls(newlines, None, None, _unquoted_state(octets, before))
        quotes, commas = marks.quotes, marks.commas
        inside = bitmaps.truncated(marks.parity, len(octets))
        # `(a | b) ^ b` is `a & ~b`, and the union is of use. Results go to arrays that are there:
        # new memory costs more than an operation.
        fitting = newlines | inside
        ends = np.bitwise_xor(fitting, inside, out=newlines)
        fitting |= quotes
        fitting |= commas
        # The bytes before quoted ones that are not quoted themselves, and do not fit there.
        misfits = bitmaps.shift_down(inside, out=quotes)
        misfits |= fitting
        misfits ^= fitting
        if not np.count_nonzero(misfits) and not (before is QuoteState.TEXT and octets[0] == _QUOTE):
            return cls(ends, inside, commas, _regular_state(octets, inside))
        inside, after = _exact(bytes(data[start:stop]), before)
        newlines = bitmaps.equal(octets, _NEWLINE)
        return cls(newlines & ~inside, inside, commas, after)


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

    commas: Words | None = None
    """All commas, quoted ones too; None when nobody looked for them."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Find the structure of whole records; the last one may lack its line end."""
        block = ScannedBlock.scan(data, 0, len(data))
        ended = not data or bitmaps.is_set(block.ends, len(data) - 1)
        ends = block.ends
        if not ended:
            bitmaps.set_bit(ends, len(data))
        unclosed = not ended and block.after is QuoteState.QUOTED
        return cls(len(data), ends, block.inside, bitmaps.count_set(ends), unclosed, block.commas)

    def slice(self, start: int, size: int, rows: int) -> Self:
        """Return the structure of ``rows`` whole records among these."""
        ends, inside, commas = (
            None if words is None else bitmaps.copy_bits(words, start, size)
            for words in (self.ends, self.inside, self.commas)
        )
        assert ends is not None  # noqa: S101  there is a bitmap of ends
        ended = bitmaps.is_set(ends, size - 1)
        if not ended:
            bitmaps.set_bit(ends, size)
        return type(self)(size, ends, inside, rows, not ended and self.unclosed, commas)

    @property
    def starts(self) -> Words:
        """First byte of each record; if the last record has a line end, also the byte after it."""
        starts = bitmaps.shift_up(self.ends)
        starts[0] |= np.uint64(1)
        return starts

    def outside(self, words: Words) -> Words:
        """Return the bits of ``words`` that stand outside of quotes."""
        return words if self.inside is None else words & ~self.inside


def _unquoted_state(octets: Octets, before: QuoteState) -> QuoteState:
    """Return the state after bytes without a quote, outside of quotes."""
    if not len(octets):
        return before
    return QuoteState.FIELD_START if octets[-1] in b",\r\n" else QuoteState.TEXT


def _regular_state(octets: Octets, inside: Words) -> QuoteState:
    """Return the state after bytes in which each quote opens or closes a field."""
    if bitmaps.is_set(inside, len(octets) - 1):
        return QuoteState.QUOTED
    return QuoteState.FIELD_START if octets[-1] in b',\r\n"' else QuoteState.TEXT


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
