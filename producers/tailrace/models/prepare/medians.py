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
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Digits = npt.NDArray[np.uint16]

_READ_VALUES = 1024 * 1024
_IN_MEMORY = 2 * 1024 * 1024
"""Values that are sorted at once: 16 MiB."""
_DIGIT_BITS = 16
_KEY_BITS = 64
_SIGN = np.uint64(1 << 63)
_HIGHEST = (1 << _DIGIT_BITS) - 1
_FIRST_NEGATIVE = 1 << (_DIGIT_BITS - 1)
"""The first digits of negative values begin here; those of keys of values from 0 on, too."""


class MedianStore:
    """Values of several columns on disk; a context manager that removes them.

    It needs 8 bytes of disk for each value, and about 50 MiB of memory for each thread that asks
    for medians.
    """

    def __init__(self, *, in_memory: int = _IN_MEMORY) -> None:
        self._file = tempfile.TemporaryFile(prefix="tailrace-prepare-")  # noqa: SIM115 - closed by `__exit__`
        self._lock = Lock()
        self._blocks: dict[int, list[tuple[int, int]]] = {}
        self._in_memory = in_memory

    def add(self, column: int, values: Floats) -> None:
        """Add values, which may be infinite and are not NaN."""
        if len(values):
            self._blocks.setdefault(column, []).append((self._file.tell(), len(values)))
            self._file.write(values.astype("<f8", copy=False).tobytes())

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
        counts = self._counts(column, prefix, known_bits)
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

    def _counts(self, column: int, prefix: int, known_bits: int) -> npt.NDArray[np.int64]:
        """Count the keys with this prefix by the digit that follows it."""
        counts = np.zeros(1 << _DIGIT_BITS, np.int64)
        if not known_bits:
            for bits in self._values(column):
                counts += np.bincount(_first_digits(bits), minlength=len(counts))
            # From the digits of values to those of keys.
            return np.concatenate([counts[: _FIRST_NEGATIVE - 1 : -1], counts[:_FIRST_NEGATIVE]])
        shift = np.uint64(_KEY_BITS - known_bits - _DIGIT_BITS)
        for keys in self._keys(column, prefix, known_bits):
            digits = (keys >> shift) & np.uint64(_HIGHEST)
            counts += np.bincount(digits.astype(np.int64), minlength=len(counts))
        return counts

    def _keys(self, column: int, prefix: int, known_bits: int) -> Iterator[Keys]:
        """Yield the keys that begin with the ``known_bits`` bits of ``prefix``, at least 16."""
        digit = prefix >> (known_bits - _DIGIT_BITS)
        first = digit - _FIRST_NEGATIVE if digit >= _FIRST_NEGATIVE else _HIGHEST - digit
        for bits in self._values(column):
            keys = _ordered(bits[_first_digits(bits) == first])
            yield keys[keys >> np.uint64(_KEY_BITS - known_bits) == np.uint64(prefix)]

    def _values(self, column: int) -> Iterator[Keys]:
        """Yield the bits of all values of a column."""
        read: list[bytes] = []
        left = _READ_VALUES
        for offset, size in self._blocks[column]:
            start = 0
            while start < size:
                part = min(left, size - start)
                with self._lock:
                    self._file.seek(offset + start * 8)
                    read.append(self._file.read(part * 8))
                start, left = start + part, left - part
                if not left:
                    yield np.frombuffer(b"".join(read), "<u8")
                    read, left = [], _READ_VALUES
        if read:
            yield np.frombuffer(b"".join(read), "<u8")


def _first_digits(bits: Keys) -> Digits:
    return bits.view("<u2")[3::4]


def _ordered(bits: Keys) -> Keys:
    """Return numbers in the same order as the values whose bits are given."""
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _value(key: int) -> float:
    bits = key ^ (1 << 63) if key >> 63 else key ^ ((1 << 64) - 1)
    return float(np.array(bits, np.uint64).view(np.float64))


def _mean(lower: float, upper: float) -> float:
    middle = (lower + upper) / 2
    return middle if np.isfinite(middle) else lower / 2 + upper / 2
