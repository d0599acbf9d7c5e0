"""Structure: where the records of some bytes end and what of them stands inside quotes, as bitmaps.

What a record is, ``tailrace_core.csv_text.records`` says; this is the same at gigabytes a second. A quote
toggles the state, so the parity of quotes up to each byte says where it stands, for all bytes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tailrace.records import bitmaps
from tailrace.records.bitmaps import Words

_NEWLINE, _QUOTE = b'\n"'


@dataclass(frozen=True, slots=True, eq=False)
class ScannedBlock:
    """Bytes that begin and end anywhere, and what was found in them."""

    data: bytes
    ends: Words
    """The newlines outside of quotes."""
    inside: Words | None
    """What stands inside quotes, the opening quotes with it and the closing ones not; None when nothing does."""
    unclosed: bool
    """Whether they end inside quotes."""

    @classmethod
    def scan(cls, data: bytes, *, inside: bool) -> Self:
        """Of bytes that begin ``inside`` quotes or outside of them."""
        octets = np.frombuffer(data, np.uint8)
        ends = bitmaps.equal(octets, _NEWLINE)
        quoted = b'"' in data
        if not (quoted or inside):
            return cls(data, ends, None, unclosed=False)
        words = bitmaps.prefix_parity(bitmaps.equal(octets, _QUOTE)) if quoted else np.zeros_like(ends)
        if inside:
            words = bitmaps.invert(words, len(data))
        ends &= ~words
        return cls(data, ends, words, unclosed=bitmaps.is_set(words, len(data) - 1) if data else inside)


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
        stretch = ScannedBlock.scan(data, inside=False)
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
