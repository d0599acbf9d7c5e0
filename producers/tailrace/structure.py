"""Structure: where the records of a buffer end and what of it stands inside quotes, as bitmaps.

What a record is, ``tailrace_core.records`` says; this is the same at gigabytes a second. A quote toggles the state, so
the parity of quotes up to each byte says where it stands, for all bytes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tailrace import bitmaps
from tailrace.bitmaps import Octets, Words

_NEWLINE, _QUOTE = b'\n"'


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Of ``size`` bytes that begin where a record begins."""

    size: int
    ends: Words
    """The last byte of each record: a newline outside of quotes. For a last record without one, the byte after it."""
    inside: Words | None
    """What stands inside quotes, the opening quotes with it and the closing ones not; None when there is no quote.
    Says nothing of what lies after the bytes."""
    rows: int
    unclosed: bool
    """Whether the bytes end inside quotes."""

    @classmethod
    def scan(cls, octets: Octets, *, quoted: bool, final: bool) -> Self:
        """Of bytes that are ``quoted`` if they hold a quote; when they are ``final``, what is left is a record too."""
        ends = bitmaps.equal(octets, _NEWLINE)
        inside = bitmaps.toggled(bitmaps.equal(octets, _QUOTE)) if quoted else None
        unclosed = False
        if inside is not None:
            ends &= ~inside
            unclosed = bool(inside[-1] >> np.uint64(63))
        size = len(octets)
        if final and size and bitmaps.last(ends) != size - 1:
            ends[size // 64] |= np.uint64(1 << size % 64)
        return cls(size, ends, inside, bitmaps.count(ends), unclosed)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Of complete bytes, the last record of which may lack its line end."""
        return cls.scan(np.frombuffer(data, np.uint8), quoted=b'"' in data, final=True)

    @property
    def complete(self) -> int:
        """How many bytes the records take that end here."""
        return min(bitmaps.last(self.ends) + 1, self.size)

    @property
    def starts(self) -> Words:
        """The first byte of each record; after a last one with a line end, the byte after it too."""
        starts = bitmaps.following(self.ends)
        starts[0] |= np.uint64(1)
        return starts

    def outside(self, words: Words) -> Words:
        """What of a bitmap of these bytes is outside of quotes."""
        return words if self.inside is None else words & ~self.inside

    def end_of(self, row: int) -> int:
        """Where a record ends: how many bytes it and those before it take."""
        return min(bitmaps.nth(self.ends, row) + 1, self.size)

    def stops(self) -> npt.NDArray[np.int64]:
        """Where each record ends, as `end_of`."""
        return np.minimum(bitmaps.positions(self.ends) + 1, self.size)

    def slice(self, start: int, stop: int, rows: int) -> Structure:
        """Of the bytes between two record boundaries, which hold ``rows`` records."""
        size = stop - start
        inside = None if self.inside is None else bitmaps.part(self.inside, start, size)
        ends = bitmaps.part(self.ends, start, size)
        last = stop == self.size
        return Structure(size, _cleared(ends, size + last), inside, rows, last and self.unclosed)


def _cleared(words: Words, size: int) -> Words:
    """The bitmap without the bits from ``size`` on."""
    word, bit = divmod(size, 64)
    words[word:] &= np.uint64((1 << bit) - 1)
    return words
