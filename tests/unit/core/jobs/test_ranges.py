"""Row ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.ranges import MAX_ROWS, RowRange, first_gap
from tests.unit.core.strategies import row_ranges


@given(row_ranges())
def test_names_round_trip(rows: RowRange) -> None:
    assert RowRange.parse(rows.name) == rows


@given(row_ranges(), row_ranges())
def test_names_of_disjoint_ranges_sort_as_the_ranges_do(one: RowRange, other: RowRange) -> None:
    if one.end <= other.first_row or other.end <= one.first_row:
        assert (one.name < other.name) == (one < other)


@given(row_ranges(), st.data())
def test_halves_tile_their_whole(rows: RowRange, data: st.DataObject) -> None:
    if rows.rows > 1:
        left, right = rows.split_at(data.draw(st.integers(rows.first_row + 1, rows.end - 1)))
        assert (left.first_row, left.end, right.end) == (rows.first_row, right.first_row, rows.end)


@pytest.mark.parametrize("row", [10, 9, 15, 16, -1])
def test_a_range_is_split_only_inside(row: int) -> None:
    with pytest.raises(ValueError, match="row range"):
        RowRange(10, 5).split_at(row)


@pytest.mark.parametrize(("first_row", "rows"), [(-1, 1), (0, 0), (0, -1), (0, MAX_ROWS + 1), (MAX_ROWS, 1)])
def test_impossible_ranges_are_refused(first_row: int, rows: int) -> None:
    with pytest.raises(ValueError, match="row range"):
        RowRange(first_row, rows)


@pytest.mark.parametrize(
    "name", ["", "0-1", "000000000000-0", "000000000000-01", "000000000000-1\n", "00000000000٣-1", "-00000000001-1"]
)
def test_what_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a row range"):
        RowRange.parse(name)


@given(st.lists(st.integers(1, 1_000), max_size=20))
def test_ranges_that_tile_have_no_gap(sizes: list[int]) -> None:
    ranges, first_row = list[RowRange](), 0
    for size in sizes:
        ranges.append(RowRange(first_row, size))
        first_row += size
    assert first_gap(ranges, first_row) is None
    assert first_gap(ranges, first_row + 1) is not None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=10), st.data())
def test_a_missing_or_doubled_range_is_found(sizes: list[int], data: st.DataObject) -> None:
    ranges, first_row = list[RowRange](), 0
    for size in sizes:
        ranges.append(RowRange(first_row, size))
        first_row += size
    at = data.draw(st.integers(0, len(ranges) - 1))
    assert first_gap([*ranges[:at], *ranges[at + 1 :]], first_row) is not None
    assert first_gap([*ranges[: at + 1], *ranges[at:]], first_row) is not None


def test_a_gap_is_said_in_words() -> None:
    assert first_gap([RowRange(0, 5), RowRange(7, 3)], 10) == "row 5 is missing (before 000000000007-3)"
    assert first_gap([RowRange(0, 5), RowRange(3, 7)], 10) == "row 3 is there twice (before 000000000003-7)"
    assert first_gap([RowRange(0, 5)], 10) == "rows end at 5, 10 were expected"


def test_the_longest_range_there_can_be_has_a_name() -> None:
    rows = RowRange(0, MAX_ROWS)
    assert RowRange.parse(rows.name) == rows
