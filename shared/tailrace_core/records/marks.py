"""Marks of a block: the bitmaps of its newlines, quotes and commas, found by one thread or two.

They are most of the work of a scan, and do not depend on what comes before the block. Two threads
take half of the time, as NumPy works without the interpreter's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Octets, Words

if TYPE_CHECKING:
    from concurrent.futures import Executor

_NEWLINE, _QUOTE, _COMMA = b'\n",'
_WORD_BYTES = 64
_SHARED_BYTES = 1024 * 1024
"""Smaller blocks are not worth another thread."""


@dataclass(frozen=True, slots=True, eq=False)
class QuoteMarks:
    """Bitmaps of the quotes and commas of a block, and the prefix parity of its quotes."""

    quotes: Words
    commas: Words
    parity: Words


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """The bitmap of a block's newlines, and further ones if there are quotes."""

    newlines: Words
    quoted: QuoteMarks | None

    @classmethod
    def find(cls, octets: Octets, *, has_quotes: bool, helper: Executor | None = None) -> Marks:
        """Find the marks; a ``helper`` finds those of the second half meanwhile."""
        size = bitmaps.word_count(len(octets))
        newlines = np.empty(size, np.uint64)
        quoted = QuoteMarks(*(np.empty(size, np.uint64) for _ in range(3))) if has_quotes else None
        marks = cls(newlines, quoted)
        if helper is None or len(octets) < _SHARED_BYTES:
            marks._fill(octets, slice(0, size))
            return marks
        middle = size // 2
        rest, words = octets[middle * _WORD_BYTES :], slice(middle, size)
        second = helper.submit(marks._fill, rest, words)
        try:
            marks._fill(octets[: middle * _WORD_BYTES], slice(0, middle))
        finally:
            # Where all cores are busy the helper may not have begun: then nobody waits for it.
            begun = not second.cancel()
            if begun:
                second.result()
        if not begun:
            marks._fill(rest, words)
        if quoted is not None and int(quoted.parity[middle - 1]) >> _WORD_BYTES - 1:
            np.invert(quoted.parity[middle:], out=quoted.parity[middle:])
        return marks

    def _fill(self, octets: Octets, words: slice) -> None:
        """Fill some words of the bitmaps with the marks of their bytes."""
        bitmaps.equal(octets, _NEWLINE, self.newlines[words])
        if self.quoted is not None:
            bitmaps.equal(octets, _QUOTE, self.quoted.quotes[words])
            bitmaps.equal(octets, _COMMA, self.quoted.commas[words])
            bitmaps.prefix_parity(self.quoted.quotes[words], self.quoted.parity[words])
