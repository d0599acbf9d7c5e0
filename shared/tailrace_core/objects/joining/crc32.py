"""CRC-32 of concatenated pieces from the CRC-32 of each, without their bytes.

The method is that of zlib's ``crc32_combine``: a CRC is a remainder of polynomials over GF(2), so
appending ``n`` bytes multiplies it by ``x**(8 * n)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

_POLYNOMIAL = 0xEDB88320
"""The polynomial of CRC-32, its lowest power in the highest bit."""
_ONE = 1 << 31


def combine(pieces: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-32 of pieces in a row; each is given by its CRC-32 and its size in bytes."""
    crc = 0
    for following, size_bytes in pieces:
        crc = _product(_power(size_bytes), crc) ^ following
    return crc


@cache
def _powers(digit: int) -> tuple[int, ...]:
    """Return ``x**(8 * value * 256**digit)`` for each value of a byte."""
    step = _ONE >> 8
    for _ in range(8 * digit):
        step = _product(step, step)
    powers = [_ONE]
    for _ in range(255):
        powers.append(_product(step, powers[-1]))
    return tuple(powers)


def _power(size_bytes: int) -> int:
    """Return ``x**(8 * size_bytes)``."""
    power, digit = _ONE, 0
    while size_bytes:
        if value := size_bytes & 0xFF:
            power = _product(_powers(digit)[value], power)
        size_bytes >>= 8
        digit += 1
    return power


def _product(left: int, right: int) -> int:
    """Multiply two polynomials modulo that of CRC-32."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product
