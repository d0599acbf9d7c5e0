"""Marks of a block: the bitmaps of its newlines, quotes and commas.

They are most of the work of a scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Octets, Words

_NEWLINE, _QUOTE, _COMMA = b'\n",'
_WORD_BYTES = 64
_ALL = np.uint64(2**64 - 1)
PART_BYTES = 2 * 1024 * 1024
"""Size of the parts that are searched while they are in a core's cache."""

Fetch = Callable[[int, int], None]
"""Reads the bytes from an offset to another to their place."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Bitmaps of the newlines, quotes and commas of a block, and the prefix parity of its quotes.

    Without ``has_quotes`` only the newlines are found.
    """

    newlines: Words
    quotes: Words
    commas: Words
    parity: Words
    has_quotes: bool

    @classmethod
    def find(
        cls,
        data: bytes | bytearray,
        start: int,
        stop: int,
        *,
        inside: bool = False,
        fetch: Fetch | None = None,
        part_bytes: int = PART_BYTES,
    ) -> Marks:
        """Find the marks of the bytes from ``start`` to ``stop``.

        ``inside`` says that they begin inside quotes: the parity of all bits is inverted. ``fetch``
        is called for each part before its bytes are used.
        """
        octets = np.frombuffer(data, np.uint8)
        newlines, quotes, commas, parity = (np.empty(bitmaps.word_count(stop - start), np.uint64) for _ in range(4))
        parts = _parts(start, stop, part_bytes // _WORD_BYTES)
        has_quotes = False
        for number, part in enumerate(parts):
            if fetch is not None:
                fetch(part.start, part.stop)
            bitmaps.equal(part.of(octets), _NEWLINE, newlines[part.words])
            is_quoted = data.find(_QUOTE, part.start, part.stop) >= 0
            if is_quoted and not has_quotes:
                has_quotes = True
                for before in parts[:number]:
                    bitmaps.equal(before.of(octets), _COMMA, commas[before.words])
                    quotes[before.words], parity[before.words] = 0, _ALL * inside
            if not has_quotes:
                continue
            bitmaps.equal(part.of(octets), _COMMA, commas[part.words])
            if is_quoted:
                bitmaps.equal(part.of(octets), _QUOTE, quotes[part.words])
                found = bitmaps.prefix_parity(quotes[part.words], parity[part.words])
                if inside:
                    np.invert(found, out=found)
                inside = bool(int(found[-1]) >> _WORD_BYTES - 1)
            else:
                quotes[part.words], parity[part.words] = 0, _ALL * inside
        return cls(newlines, quotes, commas, parity, has_quotes)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a block: its bytes, and its words in the bitmaps."""

    start: int
    stop: int
    words: slice

    def of(self, octets: Octets) -> Octets:
        return octets[self.start : self.stop]


def _parts(start: int, stop: int, step: int) -> list[_Part]:
    """Divide the block into parts of about ``step`` words; the last has the rest of the words."""
    words = bitmaps.word_count(stop - start)
    firsts = [at * step for at in range(max(1, round(words / step)))]
    return [
        _Part(start + first * _WORD_BYTES, min(start + upto * _WORD_BYTES, stop), slice(first, upto))
        for first, upto in zip(firsts, [*firsts[1:], words], strict=True)
    ]
