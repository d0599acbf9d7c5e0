"""The leanest sketch of counting and checking with NumPy: the floor of ``cutting.py check``.

It does what the benchmarks' inputs need and nothing else: one buffer and fixed arrays, no limits,
no cuts, no reasons, quotes that are regular, characters of at most two bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tailrace_core.records import bitmaps
from tests.benchmarks.report import report

_BYTES = 512 * 1024
_NEWLINE, _QUOTE, _COMMA = b'\n",'
_WORDS = _BYTES // 64
_CONTINUATION_END, _LEAD = np.int8(-64), np.uint8(0xC0)


class _Stretch:
    """A buffer that begins with a record, and its arrays; zeros follow the end of the input."""

    def __init__(self, columns: int) -> None:
        self.data = bytearray(_BYTES)
        self._octets = np.frombuffer(self.data, np.uint8)
        self._mask = np.empty(_BYTES, np.bool_)
        self._other = np.empty(_BYTES, np.bool_)
        self._columns = columns
        self._parity = np.empty(_WORDS, np.uint64)

    def rows(self) -> tuple[int, int]:
        """Return how many records the buffer holds, and where the last one ends."""
        ends, commas = self._bits(_NEWLINE), self._bits(_COMMA)
        if self.data.find(_QUOTE) >= 0:
            inside = bitmaps.prefix_parity(self._bits(_QUOTE), self._parity)
            outside = np.invert(inside, out=inside)
            ends &= outside
            commas &= outside
        last = bitmaps.last_set(ends) + 1
        assert not any(self.data.find(octet, 0, last) >= 0 for octet in b"\0#\r")
        assert self.data.isascii() or self._is_utf8(last)
        commas[last // 64 :] &= np.array([(1 << last % 64) - 1] + [0] * (_WORDS - last // 64 - 1), np.uint64)
        assert bitmaps.each_holds(commas, ends, self._columns - 1)
        return bitmaps.count_set(ends), last

    def _bits(self, octet: int) -> bitmaps.Words:
        np.equal(self._octets, np.uint8(octet), out=self._mask)
        return np.packbits(self._mask, bitorder="little").view(np.uint64)

    def _is_utf8(self, last: int) -> bool:
        leads = np.greater_equal(self._octets[:last], _LEAD, out=self._mask[:last])
        continued = np.less(self._octets.view(np.int8)[:last], _CONTINUATION_END, out=self._other[:last])
        return bool((leads[:-1] == continued[1:]).all())


def check(path: str, columns: str) -> int:
    """Count the records; all must be sound."""
    stretch = _Stretch(int(columns))
    room = memoryview(stretch.data)
    rows = begin = 0
    with Path(path).open("rb", buffering=0) as file:
        while size := file.readinto(room[begin:]):
            filled = begin + size
            room[filled:] = bytes(_BYTES - filled)
            found, last = stretch.rows()
            rows += found
            begin = filled - last
            room[:begin] = bytes(room[last:filled])
    return rows


if __name__ == "__main__":
    report(lambda: check(*sys.argv[1:]))
