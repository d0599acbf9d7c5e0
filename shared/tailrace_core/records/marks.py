"""Marks of a block: the bitmaps of its newlines, quotes and commas, found by one thread or two.

They are most of the work of a scan, and do not depend on what comes before the block. Two threads
take half of the time, as NumPy works without the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Words

if TYPE_CHECKING:
    from concurrent.futures import Executor

_NEWLINE, _QUOTE, _COMMA = b'\n",'
_WORD_BYTES = 64
PART_BYTES = 2 * 1024 * 1024
"""Size of the parts that threads take. The larger, the longer one may wait for the other's last."""

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
        helper: Executor | None = None,
        fetch: Fetch | None = None,
        part_bytes: int = PART_BYTES,
    ) -> Marks:
        """Find the marks of the bytes from ``start`` to ``stop``.

        ``inside`` says that they begin inside quotes: the parity of all bits is inverted. A
        ``helper`` finds the marks of some parts meanwhile. ``fetch`` is called for each part before
        its bytes are used, so that they are read by both threads and are still in a core's cache.
        """
        newlines, quotes, commas, parity = (np.empty(bitmaps.word_count(stop - start), np.uint64) for _ in range(4))
        search = _Search(data, start, cls(newlines, quotes, commas, parity, has_quotes=True), fetch)
        parts = _parts(stop - start, part_bytes // _WORD_BYTES)
        if helper is None or len(parts) == 1:
            search.run(iter(parts))
        else:
            _share(search, iter(parts), helper)
        return search.joined(parts, inside=inside)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a block: its bytes, and its words in the bitmaps."""

    start: int
    stop: int
    words: slice


def _parts(size: int, step: int) -> list[_Part]:
    """Divide the block into parts of about ``step`` words; the last has the rest of the words."""
    words = bitmaps.word_count(size)
    starts = [at * step for at in range(max(1, round(words / step)))]
    return [
        _Part(at * _WORD_BYTES, min(upto * _WORD_BYTES, size), slice(at, upto))
        for at, upto in zip(starts, [*starts[1:], words], strict=True)
    ]


def _share(search: _Search, parts: Iterator[_Part], helper: Executor) -> None:
    """Work on the parts in two threads; each takes the next part when it has done one."""
    second = helper.submit(search.run, parts)
    try:
        search.run(parts)
    finally:
        # Where all cores are busy the helper may not have begun: then nobody waits for it.
        if not second.cancel():
            second.result()


class _Search:
    """Fills the bitmaps of a block, part by part in any order."""

    def __init__(self, data: bytes | bytearray, start: int, marks: Marks, fetch: Fetch | None) -> None:
        self._data = data
        self._start = start
        self._octets = np.frombuffer(data, np.uint8)
        self._marks = marks
        self._fetch = fetch
        self._quoted: set[int] = set()
        """Starts of the parts that have quotes."""

    def run(self, parts: Iterator[_Part]) -> None:
        """Find the marks of the parts that are left."""
        marks = self._marks
        for part in parts:
            start, stop, words = self._start + part.start, self._start + part.stop, part.words
            if self._fetch is not None:
                self._fetch(start, stop)
            octets = self._octets[start:stop]
            bitmaps.equal(octets, _NEWLINE, marks.newlines[words])
            if self._data.find(b'"', start, stop) >= 0:
                self._quoted.add(part.start)
                bitmaps.equal(octets, _QUOTE, marks.quotes[words])
                bitmaps.equal(octets, _COMMA, marks.commas[words])
                bitmaps.prefix_parity(marks.quotes[words], marks.parity[words])

    def joined(self, parts: list[_Part], *, inside: bool) -> Marks:
        """Return the marks of the block, once those of all parts are found."""
        marks = self._marks
        if not self._quoted:
            return Marks(marks.newlines, marks.quotes, marks.commas, marks.parity, has_quotes=False)
        for part in parts:
            parity = marks.parity[part.words]
            if part.start not in self._quoted:
                marks.quotes[part.words] = 0
                parity[:] = 0
                octets = self._octets[self._start + part.start : self._start + part.stop]
                bitmaps.equal(octets, _COMMA, marks.commas[part.words])
            if inside:
                np.invert(parity, out=parity)
            inside = bool(int(parity[-1]) >> _WORD_BYTES - 1)
        return marks
