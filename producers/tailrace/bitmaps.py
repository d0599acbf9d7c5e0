"""Bitmaps: a bit for each byte of a buffer, 64 of them to a word, so that one NumPy operation looks at 64 bytes a step.

The first byte's bit is the least significant of the first word. A bitmap of ``size`` bytes has ``size // 64 + 1``
words: there is always room for one bit more than there are bytes, and the bits that stand for no byte are zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_BITS = 64
_WORD = np.dtype("<u8")
_ONE = np.uint64(1)


def words_for(size: int) -> int:
    """How many words the bitmap of so many bytes has."""
    return size // _BITS + 1


def marked(compare: Callable[..., Mask], octets: npt.NDArray[np.generic], limit: int) -> Words:
    """Of the bytes that ``compare`` (such as ``np.equal``) with ``limit`` says yes to."""
    size = len(octets)
    mask = np.empty(words_for(size) * _BITS, np.bool_)
    compare(octets, limit, out=mask[:size])
    mask[size:] = False
    return np.packbits(mask, bitorder="little").view(_WORD)


def equal(octets: Octets, octet: int) -> Words:
    """Of the bytes that are ``octet``."""
    return marked(np.equal, octets, octet)


def mask(words: Words, size: int) -> Mask:
    """The bits of ``size`` bytes, each an entry of its own."""
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=size).view(np.bool_)


def count(words: Words) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def last(words: Words) -> int:
    """The position of the last bit that is set; -1 when none is."""
    occupied = (words != 0)[::-1]
    after = int(occupied.argmax())
    if not occupied[after]:
        return -1
    word = len(words) - 1 - after
    return word * _BITS + int(words[word]).bit_length() - 1


def nth(words: Words, number: int) -> int:
    """The position of the ``number``-th bit that is set, counted from 0; there are more than that."""
    counted = np.bitwise_count(words)
    upto = np.cumsum(counted, dtype=np.int64)
    word = int(np.searchsorted(upto, number, side="right"))
    bits = int(words[word])
    for _ in range(number - int(upto[word]) + int(counted[word])):
        bits &= bits - 1
    return word * _BITS + (bits & -bits).bit_length() - 1


def positions(words: Words) -> npt.NDArray[np.int64]:
    """The positions of all bits that are set, ascending."""
    occupied = np.flatnonzero(words)
    bits = np.flatnonzero(np.unpackbits(words[occupied].view(np.uint8), bitorder="little").view(np.bool_))
    return occupied[bits // _BITS] * _BITS + bits % _BITS


def following(words: Words, by: int = 1) -> Words:
    """The bits moved to positions that are higher by 1 to 63; those moved past the last word are lost."""
    moved = words << np.uint64(by)
    moved[1:] |= words[:-1] >> np.uint64(_BITS - by)
    return moved


def preceding(words: Words) -> Words:
    """The bits moved to positions that are lower by 1; that of the first byte is lost."""
    moved = words >> _ONE
    moved[:-1] |= words[1:] << np.uint64(_BITS - 1)
    return moved


def part(words: Words, start: int, size: int) -> Words:
    """The bitmap of ``size`` bytes from ``start`` on, with the bit after them as it stands."""
    first, by = divmod(start, _BITS)
    wanted = words_for(size)
    moved = words[first : first + wanted] >> np.uint64(by)
    if by:
        above = words[first + 1 : first + 1 + wanted] << np.uint64(_BITS - by)
        moved[: len(above)] |= above
    return moved


def toggled(words: Words) -> Words:
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


def has_between(marks: Words, ends: Words, each: int) -> bool:
    """Whether there are just so many marks before each end and after the one before it, and none after the last.

    Marks are counted up to each end: before the first there must be ``each`` of them, before the second twice as many.
    """
    counted = np.bitwise_count(marks)
    occupied = np.flatnonzero(ends)
    ends_left = ends[occupied]
    marks_before = np.cumsum(counted, dtype=np.int64)
    if not len(occupied) or marks_before[-1] != each * count(ends):
        return not len(occupied) and not marks_before[-1]
    marks_there = marks[occupied]
    ended = np.bitwise_count(ends_left)
    due = each * (np.cumsum(ended, dtype=np.int64) - ended + 1) - marks_before[occupied] + counted[occupied]
    while True:
        before = (ends_left - _ONE) & ~ends_left
        if not np.array_equal(np.bitwise_count(marks_there & before), due):
            return False
        # On to the next end of those words that hold another.
        ends_left &= ends_left - _ONE
        more = np.flatnonzero(ends_left)
        if not len(more):
            return True
        ends_left, marks_there, due = ends_left[more], marks_there[more], due[more] + each
