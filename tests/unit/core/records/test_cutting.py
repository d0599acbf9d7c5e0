from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import count_records
from tailrace_core.errors import RecordError, RecordTooLargeError
from tailrace_core.records import bitmaps
from tailrace_core.records.cutting import Content, Cut, Limits, cut
from tests.unit.csv_texts import Table, reference, reference_records, sliced, soup, tables

_STRETCHES = st.sampled_from([1, 2, 3, 7, 64, 1000])

_LIMITS = st.builds(
    Limits,
    rows=st.integers(1, 6),
    size_bytes=st.integers(1, 30),
    record_bytes=st.sampled_from([4, 9, 1000]),
    allow_large=st.booleans(),
)


class ReadInto:
    """An input whose first bytes come in a block; the rest is read to places, and again."""

    def __init__(self, data: bytes, head: int) -> None:
        self._data = data
        self._head = head
        self._at = 0

    def __iter__(self) -> Iterator[bytes]:
        if not self._at:
            self._at = self._head
            yield self._data[: self._head]

    def read_into(self, room: memoryview) -> int | None:
        if not self._at:
            return None
        # A read may stop early anywhere.
        found = self._data[self._at :][: min(len(room), 5)]
        room[: len(found)] = found
        self._at += len(found)
        return len(found)

    def unread(self, size: int) -> None:
        self._at -= size
        assert self._at >= self._head


@given(data=st.data(), limits=_LIMITS, scan_bytes=_STRETCHES, kept=st.integers(0, 3))
def test_memory_is_used_again_only_once_nobody_has_the_cuts_in_it_or_views_of_them(
    data: st.DataObject, limits: Limits, scan_bytes: int, kept: int
) -> None:
    whole = data.draw(soup())
    again = cut(ReadInto(whole, min(1, len(whole))), limits, scan_bytes=scan_bytes)
    held: list[tuple[bytes, Cut]] = []
    views: list[tuple[bytes, tuple[Content, ...]]] = []
    with suppress(RecordTooLargeError):
        while (each := next(again, None)) is not None:
            expected = whole[each.offset : each.offset + each.size]
            views = [*views, (expected, each.pieces), (expected, (each.content,))][-2 - kept :]
            held = [*held, (expected, each)][-kept:] if kept else []
            del each
            assert all(b"".join(pieces) == content for content, pieces in views)
            assert all(b"".join(one.pieces) == content for content, one in held)


@given(st.data(), _LIMITS, _STRETCHES)
def test_cuts_depend_on_the_bytes_alone_and_are_the_greedy_ones(
    data: st.DataObject, limits: Limits, scan_bytes: int
) -> None:
    whole = data.draw(soup())
    expected = _outcome(_greedy(whole, limits))
    head = data.draw(st.integers(min(1, len(whole)), len(whole)))
    inputs = ([whole], data.draw(sliced(whole)), [bytes((octet,)) for octet in whole], ReadInto(whole, head))
    for blocks in inputs:
        assert _outcome(cut(blocks, limits, scan_bytes=scan_bytes)) == expected


@given(st.data(), st.integers(1, 9), _STRETCHES)
def test_windows_tile_the_cut_and_know_where_records_end_and_what_is_quoted(
    data: st.DataObject, rows: int, scan_bytes: int
) -> None:
    blocks = data.draw(sliced(data.draw(soup())))
    for each in cut(blocks, Limits(rows=rows, size_bytes=1000), scan_bytes=scan_bytes):
        assert [0, *(window.stop for window in each.windows)] == [
            *(window.start for window in each.windows),
            len(each.data),
        ]
        for window in each.windows:
            records = reference_records(each.data[window.start : window.stop])
            structure = window.structure
            assert structure.rows == len(records)
            stops = np.minimum(bitmaps.positions(structure.ends) + 1, structure.size)
            assert [stop - start for start, stop in pairwise([0, *stops])] == [*map(len, records)]
            assert structure.unclosed == reference(each.data[window.start : window.stop])[1]


@given(st.data(), st.integers(1, 9), _STRETCHES)
def test_the_pieces_are_the_bytes_before_and_after_they_are_put_together(
    data: st.DataObject, rows: int, scan_bytes: int
) -> None:
    for each in cut(data.draw(sliced(data.draw(soup()))), Limits(rows=rows, size_bytes=1000), scan_bytes=scan_bytes):
        before = b"".join(each.pieces)
        assert each.size == len(before)
        assert before == each.data == b"".join(each.pieces)


@given(tables(), st.data(), st.integers(1, 4), _STRETCHES)
def test_the_csv_module_reads_the_rows_of_the_input_from_its_cuts(
    table: Table, data: st.DataObject, rows: int, scan_bytes: int
) -> None:
    read: list[list[str]] = []
    for each in cut(data.draw(sliced(table.data)), Limits(rows=rows, size_bytes=1000), scan_bytes=scan_bytes):
        found = list(csv.reader(io.StringIO(each.data.decode(), newline=""), strict=True))
        assert (each.first_row, each.rows) == (len(read), len(found))
        read += found
    assert read == table.rows


@pytest.mark.parametrize("rows", [1, 2, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("record", [b"1,2\n", b'"1\n",2\r\n', b"\n"])
def test_cuts_by_rows_within_one_large_block(record: bytes, rows: int) -> None:
    total = 5000
    cuts = list(cut([record * total], Limits(rows=rows, size_bytes=10**9)))
    assert [(each.first_row, each.rows) for each in cuts] == [
        (first, min(rows, total - first)) for first in range(0, total, rows)
    ]
    assert all(each.data == record * each.rows for each in cuts)


def test_a_record_of_many_windows_is_one_record() -> None:
    long = b'"' + b"no end,\n" * 10_000 + b'"\n'
    (only,) = cut([b"a\n" + long + b"b\n"], Limits(rows=10, size_bytes=10**6), scan_bytes=100)
    assert (only.rows, only.data) == (3, b"a\n" + long + b"b\n")


def test_a_record_over_the_cut_limit_names_row_size_limit_and_remedy() -> None:
    with pytest.raises(
        RecordTooLargeError, match=r"row 1 \(at byte 2\) has 11 bytes, more than the 10 .*: allow"
    ) as raised:
        list(cut([b"a\n0123456789\nb\n"], Limits(rows=5, size_bytes=10)))
    assert raised.value.details == {"row": 1, "offset": 2, "size_bytes": 11, "limit_bytes": 10}


def test_an_endless_record_is_refused_before_memory_grows() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'a\n"'
        while True:
            taken += 1
            yield b"never closed\n" * 10

    with pytest.raises(RecordTooLargeError, match=r"row 1 \(at byte 2\) is longer .*, the one at byte 2$"):
        list(cut(endless(), Limits(rows=5, size_bytes=2000, record_bytes=1000)))
    assert taken == 8


def test_an_endless_record_names_the_byte_at_which_its_quote_opens() -> None:
    data = b'a,1\n"b",5" x,"' + b"c\n" * 1000
    limits = Limits(rows=5, size_bytes=2000, record_bytes=1000, allow_large=True)
    with pytest.raises(RecordTooLargeError, match=r"row 1 \(at byte 4\) .* not closed, the one at byte 13$"):
        list(cut([data], limits, scan_bytes=7))


def test_a_record_over_the_limit_without_an_open_quote_is_not_blamed_on_one() -> None:
    data = b'a\n"b",' + b"c" * 1000 + b'\n"d'
    limits = Limits(rows=5, size_bytes=2000, record_bytes=100, allow_large=True)
    with pytest.raises(RecordTooLargeError, match=r"row 1 \(at byte 2\) .* no record may be longer"):
        list(cut([data], limits))


def test_a_small_block_is_cut_before_the_next_is_asked_for() -> None:
    asked: list[int] = []
    for each in cut(_asked_for(asked), Limits(rows=2, size_bytes=100)):
        assert asked[-1] == min(each.first_row + 1, 8)


def test_no_more_than_a_few_blocks_are_read_ahead() -> None:
    asked: list[int] = []
    cuts = cut(_asked_for(asked), Limits(rows=1, size_bytes=100), scan_bytes=2)
    assert (next(cuts).data, asked) == (b"0\n", [0, 1])
    assert [each.data for each in cuts] == [b"%d\n" % number for number in range(1, 9)]


@pytest.mark.parametrize(("rows", "size_bytes"), [(0, 1), (1, 0)])
def test_limits_below_one_are_refused(rows: int, size_bytes: int) -> None:
    with pytest.raises(ValueError, match="a row and a byte at least"):
        Limits(rows=rows, size_bytes=size_bytes)


def test_no_input_gives_no_cut() -> None:
    assert list(cut([], Limits(rows=1, size_bytes=1))) == []
    assert list(cut([b"", b""], Limits(rows=1, size_bytes=1))) == []


@given(soup())
def test_complete_data_make_one_cut(whole: bytes) -> None:
    only = Cut.of(whole, 7)
    assert (only.first_row, only.rows, only.data) == (7, count_records(whole), whole)
    assert sum(window.structure.rows for window in only.windows) == only.rows


def _asked_for(asked: list[int]) -> Iterator[bytes]:
    """Nine records, and which of them were asked for."""
    for number in range(9):
        asked.append(number)
        yield b"%d\n" % number


def _outcome(cuts: Iterable[Cut]) -> tuple[list[tuple[int, int, bytes]], tuple[type, int | None, int | None] | None]:
    """The cuts up to the error, if there is one, and what the error names."""
    seen: list[tuple[int, int, bytes]] = []
    try:
        for each in cuts:
            seen.append((each.first_row, each.rows, each.data))  # noqa: PERF401 - up to the error
    except RecordError as error:
        return seen, (type(error), error.row, error.offset)
    return seen, None


def _greedy(whole: bytes, limits: Limits) -> Iterator[Cut]:
    """The same by the plainest of loops."""
    gathered: list[bytes] = []
    first = offset = 0
    for row, record in enumerate(reference_records(whole)):
        room = limits.size_bytes - len(b"".join(gathered))
        if gathered and room < min(len(record), limits.record_bytes):
            yield Cut.of(b"".join(gathered), first)
            first, gathered = row, []
        if len(record) > limits.record_bytes or (len(record) > limits.size_bytes and not limits.allow_large):
            raise RecordTooLargeError("too large", row=row, offset=offset)
        gathered.append(record)
        offset += len(record)
        if len(gathered) == limits.rows or len(record) > limits.size_bytes:
            yield Cut.of(b"".join(gathered), first)
            first, gathered = row + 1, []
    if gathered:
        yield Cut.of(b"".join(gathered), first)
