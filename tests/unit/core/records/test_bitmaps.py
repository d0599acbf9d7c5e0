from __future__ import annotations

from itertools import accumulate
from operator import xor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Words

# Long enough for several words, and for sizes on both sides of their borders.
_FLAGS = st.one_of(
    st.lists(st.booleans(), max_size=200),
    st.sampled_from([0, 1, 63, 64, 65, 127, 128, 129]).flatmap(
        lambda size: st.lists(st.booleans(), min_size=size, max_size=size)
    ),
)


def words_of(flags: list[bool]) -> Words:
    return bitmaps.equal(np.array(flags, np.uint8), 1)


def flags_of(words: Words, size: int) -> list[bool]:
    return [bool(int(words[at // 64]) >> at % 64 & 1) for at in range(size)]


@given(_FLAGS)
def test_a_bitmap_has_a_bit_for_each_byte_and_zeros_after_them(flags: list[bool]) -> None:
    words = words_of(flags)
    assert len(words) == len(flags) // 64 + 1
    assert flags_of(words, 64 * len(words)) == flags + [False] * (64 * len(words) - len(flags))
    assert bitmaps.to_bools(words, len(flags)).tolist() == flags


@pytest.mark.parametrize("size", [bitmaps.STRETCH_BYTES + more for more in (0, 1, 63, 64, 65, bitmaps.STRETCH_BYTES)])
def test_long_bitmaps_are_made_in_stretches(size: int) -> None:
    flags = np.random.default_rng(7).integers(0, 2, size, np.uint8)
    words = bitmaps.equal(flags, 1)
    assert len(words) == bitmaps.word_count(size)
    assert bitmaps.to_bools(words, size).tolist() == flags.view(np.bool_).tolist()
    assert bitmaps.count_set(words) == flags.sum()


@given(_FLAGS)
def test_bits_are_counted_and_found(flags: list[bool]) -> None:
    words = words_of(flags)
    expected = [at for at, flag in enumerate(flags) if flag]
    assert bitmaps.count_set(words) == len(expected)
    assert bitmaps.positions(words).tolist() == expected
    assert [at for at in range(len(flags)) if bitmaps.is_set(words, at)] == expected
    ranks = bitmaps.RankIndex(words)
    assert ranks.count == len(expected)
    assert [ranks.select(number) for number in range(len(expected))] == expected
    assert [ranks.rank(at) for at in range(len(flags) + 1)] == [0, *accumulate(flags)]


@given(_FLAGS, st.integers(1, 63))
def test_bits_move_across_the_borders_of_words(flags: list[bool], by: int) -> None:
    words = words_of(flags)
    size = 64 * len(words)
    padded = flags + [False] * (size - len(flags))
    assert flags_of(bitmaps.shift_up(words, by), size) == [False] * by + padded[:-by]
    assert flags_of(bitmaps.shift_down(words), size) == [*padded[1:], False]


@given(_FLAGS, st.data())
def test_a_copied_stretch_is_a_bitmap_of_its_own(flags: list[bool], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(flags)))
    size = data.draw(st.integers(0, len(flags) - start))
    words = words_of(flags)
    copied = bitmaps.copy_bits(words, start, size)
    assert len(copied) == bitmaps.word_count(size)
    assert flags_of(copied, 64 * len(copied)) == flags[start : start + size] + [False] * (64 * len(copied) - size)
    copied[:] = 0
    assert flags_of(words, len(flags)) == flags


@given(st.lists(_FLAGS, max_size=4))
def test_stretches_inserted_one_after_the_other_make_one_bitmap(stretches: list[list[bool]]) -> None:
    expected = [flag for flags in stretches for flag in flags]
    whole = np.zeros(bitmaps.word_count(len(expected)), np.uint64)
    at = 0
    for flags in stretches:
        bitmaps.insert(whole, at, words_of(flags), len(flags))
        at += len(flags)
    assert flags_of(whole, 64 * len(whole)) == expected + [False] * (64 * len(whole) - len(expected))


@given(_FLAGS)
def test_inverted_turns_over_the_bits_of_the_bytes_alone(flags: list[bool]) -> None:
    inverted = bitmaps.invert(words_of(flags), len(flags))
    size = 64 * len(inverted)
    assert flags_of(inverted, size) == [not flag for flag in flags] + [False] * (size - len(flags))


@given(_FLAGS)
def test_toggled_is_the_parity_up_to_each_bit(flags: list[bool]) -> None:
    assert flags_of(bitmaps.prefix_parity(words_of(flags)), len(flags)) == list(accumulate(flags, xor))


@given(st.lists(st.sampled_from(".,|"), max_size=200).map("".join), st.integers(0, 3))
def test_marks_between_ends_are_counted_for_each_end(text: str, each: int) -> None:
    octets = np.frombuffer(text.encode(), np.uint8)
    *whole, rest = text.split("|")
    expected = all(part.count(",") == each for part in whole) and not rest.count(",")
    assert bitmaps.each_holds(bitmaps.equal(octets, ord(",")), bitmaps.equal(octets, ord("|")), each) is expected


@pytest.mark.parametrize("each", [0, 1, 5, 70, 300])
@pytest.mark.parametrize("gap", [0, 1, 30, 64, 100])
def test_as_many_marks_as_there_should_be_are_enough_and_one_moved_over_an_end_is_not(each: int, gap: int) -> None:
    record = "." * gap + "," * each + "|"
    text = record * 40
    assert _has_between(text, each)
    if each:
        moved = text[: 20 * len(record)].removesuffix(",|") + "|," + text[20 * len(record) :]
        assert moved.count(",") == text.count(",")
        assert not _has_between(moved, each)


@pytest.mark.parametrize("each", [1, 255, 256, 300])
def test_no_multiple_of_any_number_of_marks_too_many_goes_unseen(each: int) -> None:
    for many in (256, 65536):
        assert not _has_between("," * (each + many) + "|" + "|" * many + ("," * each + "|") * (each - 1), each)
        assert not _has_between("," * (each + many) + "|", each)


def _has_between(text: str, each: int) -> bool:
    octets = np.frombuffer(text.encode(), np.uint8)
    return bitmaps.each_holds(bitmaps.equal(octets, ord(",")), bitmaps.equal(octets, ord("|")), each)


@given(st.sets(st.integers(0, 9_999), max_size=5))
def test_the_last_bit_is_found_however_far_it_is_from_the_end(expected: set[int]) -> None:
    octets = np.zeros(10_000, np.uint8)
    octets[list(expected)] = 1
    words = bitmaps.equal(octets, 1)
    assert bitmaps.last_set(words) == max(expected, default=-1)
    ranks = bitmaps.RankIndex(words)
    assert [ranks.select(number) for number in range(ranks.count)] == sorted(expected)
