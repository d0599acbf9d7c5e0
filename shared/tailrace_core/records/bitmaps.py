"""Bitmaps with one bit for each byte of a buffer.

A NumPy operation handles 64 bytes a step. The first byte's bit is the least significant bit of the
first word. A bitmap of ``size`` bytes has ``size // 64 + 1`` words: there is always room for one
bit more than there are bytes. Bits that stand for no byte are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_BITS = 64
STRETCH_BYTES = 1024 * 1024
"""Work with a byte or more for each byte is done in stretches of this size, which need no more
memory than the CPU's cache has."""
_WORD = np.dtype("<u8")
_ONE = np.uint64(1)
# As arrays, operands need no conversion, which takes as long as the rest of a call's fixed cost.
_OCTETS = tuple(np.array(octet, np.uint8) for octet in range(256))
_SHIFTS = tuple(np.array(by, np.uint64) for by in range(_BITS))
_SIGN = np.array(_BITS - 1, np.int64)


def word_count(size: int) -> int:
    """Return the number of words in the bitmap of ``size`` bytes."""
    return size // _BITS + 1


def where(
    compare: Callable[..., Mask], octets: npt.NDArray[np.generic], limit: int | Octets, out: Words | None = None
) -> Words:
    """Return the bitmap of the bytes for which ``compare(byte, limit)`` is true.

    An example of ``compare`` is ``np.equal``. It goes to ``out`` if that is given.
    """
    size = len(octets)
    words = np.empty(word_count(size), _WORD) if out is None else out
    words[-1] = 0
    packed = words.view(np.uint8)
    # Stretches of about the same size: a buffer is a byte longer than so many of them.
    step = -(-size // (round(size / STRETCH_BYTES) or 1) // _BITS) * _BITS or _BITS
    mask = np.empty(min(step, size), np.bool_)
    for start in range(0, size, step):
        stretch = octets[start : start + step]
        found = mask[: len(stretch)]
        compare(stretch, limit, out=found)
        bits = np.packbits(found, bitorder="little")
        packed[start // 8 :][: len(bits)] = bits
    return words


def equal(octets: Octets, octet: int, out: Words | None = None) -> Words:
    """Return the bitmap of the bytes that equal ``octet``, in ``out`` if that is given."""
    return where(np.equal, octets, _OCTETS[octet], out)


def to_bools(words: Words, size: int) -> Mask:
    """Unpack the bits of ``size`` bytes into booleans."""
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=size).view(np.bool_)


def invert(words: Words, size: int) -> Words:
    """Invert the bits of ``size`` bytes."""
    return truncated(~words, size)


def truncated(words: Words, size: int) -> Words:
    """Clear, in place, the bits that stand for no byte of ``size``."""
    words[-1] &= np.uint64((1 << size % _BITS) - 1)
    return words


def is_set(words: Words, position: int) -> bool:
    """Report whether the bit at ``position`` is set."""
    return bool(int(words[position // _BITS]) >> position % _BITS & 1)


def set_bit(words: Words, position: int) -> None:
    """Set the bit at ``position``."""
    words[position // _BITS] |= np.uint64(1 << position % _BITS)


def clear_bit(words: Words, position: int) -> None:
    """Clear the bit at ``position``."""
    words[position // _BITS] &= np.uint64(~(1 << position % _BITS) & (1 << _BITS) - 1)


def count_set(words: Words) -> int:
    """Count the bits that are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def last_set(words: Words) -> int:
    """Return the position of the last bit that is set; -1 when none is."""
    # Most often, one of the last few words has it.
    for start in (max(0, len(words) - _BITS), 0):
        occupied = np.flatnonzero(words[start:])
        if len(occupied):
            word = start + int(occupied[-1])
            return word * _BITS + int(words[word]).bit_length() - 1
    return -1


def first_set(words: Words) -> int:
    """Return the position of the first bit that is set; -1 when none is."""
    # Most often, one of the first few words has it.
    for stop in (_BITS, len(words)):
        occupied = np.flatnonzero(words[:stop])
        if len(occupied):
            word = int(occupied[0])
            bits = int(words[word])
            return word * _BITS + (bits & -bits).bit_length() - 1
    return -1


def positions(words: Words) -> npt.NDArray[np.int64]:
    """Return the positions of all bits that are set, ascending."""
    occupied = np.flatnonzero(words)
    bits = np.flatnonzero(np.unpackbits(words[occupied].view(np.uint8), bitorder="little").view(np.bool_))
    return occupied[bits // _BITS] * _BITS + bits % _BITS


def shift_up(words: Words, by: int = 1) -> Words:
    """Move the bits up by 1 to 63 positions; bits moved past the last word are lost."""
    moved = words << _SHIFTS[by]
    moved[1:] |= words[:-1] >> _SHIFTS[_BITS - by]
    return moved


def shift_down(words: Words, out: Words | None = None) -> Words:
    """Move the bits down by one position; the bit of the first byte is lost.

    They go to ``out`` if that is given.
    """
    moved = np.right_shift(words, _SHIFTS[1], out=out)
    moved[:-1] |= words[1:] << _SHIFTS[_BITS - 1]
    return moved


def copy_bits(words: Words, start: int, size: int) -> Words:
    """Copy ``size`` bits from ``start`` on to a bitmap of their own."""
    word, bit = divmod(start, _BITS)
    if not bit:
        return truncated(words[word : word + word_count(size)].copy(), size)
    copied = np.zeros(word_count(size), np.uint64)
    _insert_bits(copied, 0, words, start, size)
    return copied


def insert(whole: Words, at: int, words: Words, size: int) -> None:
    """Insert a bitmap of ``size`` bits at a position of ``whole`` from which on no bit is set."""
    if at % _BITS:
        _insert_bits(whole, at, words, 0, size)
    else:
        whole[at // _BITS :][: len(words)] = words


def _insert_bits(whole: Words, at: int, words: Words, start: int, size: int) -> None:
    """Insert ``size`` bits of ``words`` from ``start`` on to ``whole`` from ``at`` on."""
    word, bit = divmod(at, _BITS)
    # Two neighbouring words make one word of the result; words before the first and after the last
    # count as zero.
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


def prefix_parity(words: Words, out: Words | None = None) -> Words:
    """Return the prefix parity: each bit is the parity of the bits up to its position.

    The result marks the stretches between an odd bit and the even bit after it. The odd bit's
    position belongs to the stretch, the even bit's does not. It goes to ``out`` if that is given.
    """
    parity = np.left_shift(words, _SHIFTS[1], out=out)
    shifted = np.empty_like(words)
    np.bitwise_xor(parity, words, out=parity)
    for by in (2, 4, 8, 16, 32):
        np.left_shift(parity, _SHIFTS[by], out=shifted)
        np.bitwise_xor(parity, shifted, out=parity)
    # The last bit of a word is its parity; words after an odd number of odd words are inverted. The
    # bit is the sign of a signed number, and fills the word when that is shifted to the right.
    odd = np.right_shift(parity.view(np.int64), _SIGN, out=shifted.view(np.int64))
    np.bitwise_xor.accumulate(odd, out=odd)
    parity[1:] ^= shifted[:-1]
    return parity


def each_holds(marks: Words, ends: Words, each: int) -> bool:
    """Report whether each stretch up to an end holds exactly ``each`` marks.

    No mark may follow the last end. Marks are counted up to each end: ``each`` before the first,
    twice as many before the second, and so on. The count is taken modulo a number above ``each``,
    which is enough and much faster. If the count finds no fault, a stretch has ``each`` marks or
    more by a multiple of that number; as the total is right, no stretch has more.
    """
    counted, ended = np.bitwise_count(marks), np.bitwise_count(ends)
    if counted.sum(dtype=np.int64) != each * ended.sum(dtype=np.int64):
        return False
    small = np.min_scalar_type(each)
    wanted = small.type(each)
    # The marks that are missing in each word, summed over the words before it.
    lacking = wanted * ended - counted
    # Sums of small numbers take longer: each waits for the one before to be written.
    due: npt.NDArray[Any] = np.add.accumulate(lacking, dtype=np.int64).astype(small)
    due -= lacking
    due += wanted
    first = ends & -ends
    found = np.bitwise_count(marks & (first - _ONE))
    if ((found != due) & (ended != 0)).any():
        return False
    # Check the further ends of words that hold several.
    left = ends ^ first
    while len(words := np.flatnonzero(left)):
        left, marks, due = left[words], marks[words], due[words] + wanted
        lowest = left & -left
        if (np.bitwise_count(marks & (lowest - _ONE)) != due).any():
            return False
        left ^= lowest
    return True


class RankIndex:
    """Index over a bitmap that answers rank and select queries in one step."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._counts = np.bitwise_count(words)
        self.count = int(self._counts.sum(dtype=np.int64))

    @cached_property
    def _upto(self) -> npt.NDArray[np.int64]:
        """Number of bits that are set up to the end of each word.

        Nobody needs it who asks only for the end of the bitmap.
        """
        return np.cumsum(self._counts, dtype=np.int64)

    def rank(self, position: int) -> int:
        """Count the bits set before a position."""
        word, bit = divmod(position, _BITS)
        if word >= len(self._words) - 1:
            return self.count - (int(self._words[-1]) >> bit).bit_count() * (word < len(self._words))
        return int(self._upto[word]) - (int(self._words[word]) >> bit).bit_count()

    def select(self, number: int) -> int:
        """Return the position of the ``number``-th set bit, from 0.

        More bits than that must be set.
        """
        if number == self.count - 1:
            return last_set(self._words)
        word = int(np.searchsorted(self._upto, number, side="right"))
        bits = int(self._words[word])
        for _ in range(number - int(self._upto[word]) + bits.bit_count()):
            bits &= bits - 1
        return word * _BITS + (bits & -bits).bit_length() - 1
