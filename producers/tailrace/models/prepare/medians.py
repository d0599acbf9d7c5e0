"""Exact medians of streams of numbers in bounded memory: a temporary file and radix selection.

The values are written to one file, 8 bytes each. A median is then found by counting: a pass over
a column's values counts their highest 16 bits, which tells in which of 65,536 buckets the wanted
rank is; further passes look at the next bits of that bucket alone. The values of a bucket that fits
in memory are sorted at once. That is two passes nearly always and five at most, whatever the order
and the number of the values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_READ_VALUES = 1024 * 1024
_IN_MEMORY = 2 * 1024 * 1024
"""Values that are sorted at once: 16 MiB."""
_DIGIT_BITS = 16
_KEY_BITS = 64
_SIGN = np.uint64(1 << 63)


class MedianStore:
    """Values of several columns on disk; a context manager that removes them.

    It needs 8 bytes of disk for each value, and about 50 MiB of memory.
    """

    def __init__(self, *, in_memory: int = _IN_MEMORY) -> None:
        self._file = tempfile.TemporaryFile(prefix="tailrace-prepare-")  # noqa: SIM115 - closed by `__exit__`
        self._blocks: dict[int, list[tuple[int, int]]] = {}
        self._in_memory = in_memory

    def add(self, column: int, values: Floats) -> None:
        """Add values, which may be infinite and are not NaN."""
        if len(values):
            self._blocks.setdefault(column, []).append((self._file.tell(), len(values)))
            self._file.write(values.tobytes())

    def median(self, column: int) -> float | None:
        """Return the median of a column's values; None if there is none.

        Between two values it is their mean, as in NumPy and pandas.
        """
        count = sum(size for _, size in self._blocks.get(column, ()))
        if not count:
            return None
        middle = [count // 2] if count % 2 else [count // 2 - 1, count // 2]
        lower, *upper = self._select(column, middle)
        return _mean(lower, upper[0]) if upper else lower

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _select(self, column: int, ranks: list[int], prefix: int = 0, known_bits: int = 0) -> list[float]:
        """Return the values of ascending ranks, counted from 0 among the keys with this prefix."""
        if known_bits == _KEY_BITS:
            return [_value(prefix)] * len(ranks)
        shift = np.uint64(_KEY_BITS - known_bits - _DIGIT_BITS)
        counts = np.zeros(1 << _DIGIT_BITS, np.int64)
        for keys in self._keys(column, prefix, known_bits):
            digits = (keys >> shift) & np.uint64((1 << _DIGIT_BITS) - 1)
            counts += np.bincount(digits.astype(np.int64), minlength=len(counts))
        upto = np.cumsum(counts)
        wanted: dict[int, list[int]] = {}
        for rank in ranks:
            digit = int(np.searchsorted(upto, rank, side="right"))
            wanted.setdefault(digit, []).append(rank - int(upto[digit] - counts[digit]))
        found: list[float] = []
        for digit, among in wanted.items():
            bucket, bits = prefix << _DIGIT_BITS | digit, known_bits + _DIGIT_BITS
            if counts[digit] > self._in_memory:
                found += self._select(column, among, bucket, bits)
            else:
                keys = np.partition(np.concatenate(list(self._keys(column, bucket, bits))), among)
                found += [_value(int(keys[rank])) for rank in among]
        return found

    def _keys(self, column: int, prefix: int, bits: int) -> Iterator[Keys]:
        """Yield the keys that begin with the ``bits`` bits of ``prefix``."""
        for offset, size in self._blocks[column]:
            for start in range(0, size, _READ_VALUES):
                self._file.seek(offset + start * 8)
                part = min(_READ_VALUES, size - start)
                keys = _ordered(np.frombuffer(self._file.read(part * 8), np.uint64))
                yield keys[keys >> np.uint64(_KEY_BITS - bits) == np.uint64(prefix)] if bits else keys


def _ordered(bits: Keys) -> Keys:
    """Return numbers in the same order as the values whose bits are given."""
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _value(key: int) -> float:
    bits = key ^ (1 << 63) if key >> 63 else key ^ ((1 << 64) - 1)
    return float(np.array(bits, np.uint64).view(np.float64))


def _mean(lower: float, upper: float) -> float:
    middle = (lower + upper) / 2
    return middle if np.isfinite(middle) else lower / 2 + upper / 2
