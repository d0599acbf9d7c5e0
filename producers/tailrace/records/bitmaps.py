"""Bitmaps: a bit for each byte of a buffer, 64 of them to a word, so that one NumPy operation looks at 64 bytes a step.

The first byte's bit is the least significant of the first word. A bitmap of ``size`` bytes has ``size // 64 + 1``
words: there is always room for one bit more than there are bytes, and the bits that stand for no byte are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_BITS = 64
_WORD = np.dtype("<u8")
_ONE = np.uint64(1)


def word_count(size: int) -> int:
    """How many words the bitmap of so many bytes has."""
    return size // _BITS + 1


def where(compare: Callable[..., Mask], octets: npt.NDArray[np.generic], limit: int) -> Words:
    """Of the bytes that ``compare`` (such as ``np.equal``) with ``limit`` says yes to."""
    size = len(octets)
    mask = np.empty(word_count(size) * _BITS, np.bool_)
    compare(octets, limit, out=mask[:size])
    mask[size:] = False
    return np.packbits(mask, bitorder="little").view(_WORD)


def equal(octets: Octets, octet: int) -> Words:
    """Of the bytes that are ``octet``."""
    return where(np.equal, octets, octet)


def to_bools(words: Words, size: int) -> Mask:
    """The bits of ``size`` bytes, each an entry of its own."""
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=size).view(np.bool_)


def invert(words: Words, size: int) -> Words:
    """The bits of ``size`` bytes turned over."""
    turned = ~words
    turned[-1] &= np.uint64((1 << size % _BITS) - 1)
    return turned


def is_set(words: Words, position: int) -> bool:
    """Whether a bit is set."""
    return bool(int(words[position // _BITS]) >> position % _BITS & 1)


def count_set(words: Words) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def last_set(words: Words) -> int:
    """The position of the last bit that is set; -1 when none is."""
    occupied = (words != 0)[::-1]
    after = int(occupied.argmax())
    if not occupied[after]:
        return -1
    word = len(words) - 1 - after
    return word * _BITS + int(words[word]).bit_length() - 1


def positions(words: Words) -> npt.NDArray[np.int64]:
    """The positions of all bits that are set, ascending."""
    occupied = np.flatnonzero(words)
    bits = np.flatnonzero(np.unpackbits(words[occupied].view(np.uint8), bitorder="little").view(np.bool_))
    return occupied[bits // _BITS] * _BITS + bits % _BITS


def shift_up(words: Words, by: int = 1) -> Words:
    """The bits moved to positions that are higher by 1 to 63; those moved past the last word are lost."""
    moved = words << np.uint64(by)
    moved[1:] |= words[:-1] >> np.uint64(_BITS - by)
    return moved


def shift_down(words: Words) -> Words:
    """The bits moved to positions that are lower by 1; that of the first byte is lost."""
    moved = words >> _ONE
    moved[:-1] |= words[1:] << np.uint64(_BITS - 1)
    return moved


def join(pieces: Sequence[tuple[Words | None, int, int]]) -> Words:
    """One bitmap of stretches side by side: of each its bitmap (None: no bit is set), where it begins and its size."""
    whole = np.zeros(word_count(sum(size for _, _, size in pieces)), np.uint64)
    at = 0
    for words, start, size in pieces:
        if words is not None and size:
            _put(whole, at, words, start, size)
        at += size
    return whole


def _put(whole: Words, at: int, words: Words, start: int, size: int) -> None:
    """Set bits from ``at`` on as they are in ``words`` from ``start`` on."""
    word, bit = divmod(at, _BITS)
    # Two neighbouring words make one of the result; before the first and after the last there is nothing.
    first, by = divmod(start - bit, _BITS)
    until = first + word_count(bit + size)
    moved = np.zeros(until - first, np.uint64)
    if by:
        upper = words[first + 1 : until + 1]
        np.left_shift(upper, np.uint64(_BITS - by), out=moved[: len(upper)])
    lower = words[max(first, 0) : until]
    into = moved[max(-first, 0) :][: len(lower)]
    into |= lower >> np.uint64(by)
    moved[0] &= ~np.uint64((1 << bit) - 1)
    moved[-1] &= np.uint64((1 << (bit + size) % _BITS) - 1)
    whole[word : word + len(moved)] |= moved


def prefix_parity(words: Words) -> Words:
    """What is between odd bits and the even ones after them: each bit of the result is the parity up to its position.

    The first position of such a stretch, where the odd bit stands, belongs to it; that of the even bit does not.
    """
    parity = words.copy()
    shifted = np.empty_like(words)
    for by in (1, 2, 4, 8, 16, 32):
        np.left_shift(parity, np.uint64(by), out=shifted)
        np.bitwise_xor(parity, shifted, out=parity)
    # The last bit of a word is its parity; words after an odd number of odd ones are turned over.
    odd = np.bitwise_xor.accumulate(parity >> np.uint64(_BITS - 1))
    parity[1:] ^= np.negative(odd[:-1])
    return parity


def each_holds(marks: Words, ends: Words, each: int) -> bool:
    """Whether there are just so many marks before each end and after the one before it, and none after the last.

    Marks are counted up to each end: before the first there must be ``each`` of them, before the second twice as many.
    It is enough to count modulo some number above ``each``, and much faster: where that finds no fault, a stretch has
    ``each`` marks or more by a multiple of the number, and if all in all there are not too many, none has more.
    """
    counted, ended = np.bitwise_count(marks), np.bitwise_count(ends)
    if counted.sum(dtype=np.int64) != each * ended.sum(dtype=np.int64):
        return False
    small = np.min_scalar_type(each)
    wanted = small.type(each)
    # How many more marks there should be than there are, for each word and summed up before it.
    lacking = wanted * ended - counted
    due: npt.NDArray[Any] = np.add.accumulate(lacking).astype(small) - lacking + wanted
    first = ends & -ends
    found = np.bitwise_count(marks & (first - _ONE))
    if ((found != due) & (ended != 0)).any():
        return False
    # On to the further ends of those words that hold several.
    left = ends ^ first
    while len(words := np.flatnonzero(left)):
        left, marks, due = left[words], marks[words], due[words] + wanted
        lowest = left & -left
        if (np.bitwise_count(marks & (lowest - _ONE)) != due).any():
            return False
        left ^= lowest
    return True


class RankIndex:
    """Of a bitmap, how many bits are set up to any position, and where any of them stands: looked at once for all."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._upto = np.cumsum(np.bitwise_count(words), dtype=np.int64)
        self.count = int(self._upto[-1])

    def rank(self, position: int) -> int:
        """How many bits are set before a position."""
        word, bit = divmod(position, _BITS)
        if word >= len(self._words):
            return self.count
        return int(self._upto[word]) - (int(self._words[word]) >> bit).bit_count()

    def select(self, number: int) -> int:
        """The position of the ``number``-th bit that is set, counted from 0; there are more than that."""
        word = int(np.searchsorted(self._upto, number, side="right"))
        bits = int(self._words[word])
        for _ in range(number - int(self._upto[word]) + bits.bit_count()):
            bits &= bits - 1
        return word * _BITS + (bits & -bits).bit_length() - 1
