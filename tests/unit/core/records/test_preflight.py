from __future__ import annotations

from functools import partial
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tailrace_core.records.cutting import Cut, Limits, cut
from tailrace_core.records.preflight import BadRow, Preflight
from tests.unit.csv_texts import Table, reference_records, sliced, soup, tables

_HEADER = b"a,b7"
_WINDOWS = st.sampled_from([1, 7, 64, 1000])
_SPOILERS = [b"\0", b"\xff", b"\xc3", b"a,b7\n", b"\xef\xbb\xbfa,b7\r\n", b"\n#", b"\r"]


@given(st.data(), st.integers(1, 3), st.sampled_from([None, _HEADER, b"a"]), st.integers(1, 9))
def test_the_fast_path_finds_what_looking_at_each_record_finds(
    data: st.DataObject, columns: int, header: bytes | None, max_rows: int
) -> None:
    whole = data.draw(soup(_SPOILERS))
    preflight = Preflight(columns, header)
    found = [
        bad
        for each in cut(
            data.draw(sliced(whole)), Limits(rows=max_rows, size_bytes=10**6), scan_bytes=data.draw(_WINDOWS)
        )
        for bad in preflight.check(each)
    ]
    records = reference_records(whole)
    starts = accumulate(map(len, records), initial=0)
    reasons = [
        preflight.reason(record, partial(_position, start)) for record, start in zip(records, starts, strict=False)
    ]
    assert found == [BadRow(row, reason) for row, reason in enumerate(reasons) if reason is not None]


@given(st.integers(1, 4), st.data())
@example(2, None)
def test_clean_data_is_cleared_without_looking_at_records(columns: int, data: st.DataObject | None) -> None:
    field = st.sampled_from([b"1.5", b"", "ä€😀".encode(), b'"a,\n#b\r"', b'""', b'" ""\n\n"" "', b"x#"])
    filled = st.sampled_from([b"7", b'""', b'"\n"'])
    row = st.tuples(filled, st.lists(field, min_size=columns - 1, max_size=columns - 1)).map(lambda it: [it[0], *it[1]])
    rows = [] if data is None else data.draw(st.lists(row, max_size=20))
    ends = [b"\n", b"\r\n"]
    piece = b"".join(b",".join(each) + ends[number % 2] for number, each in enumerate(rows))
    only = Cut.of(piece)
    assert only.rows == len(rows)
    assert all(Preflight(columns, b"id").is_clean(piece, window) for window in only.windows)


@given(tables(min_rows=1))
def test_well_formed_tables_hold_no_ragged_rows_and_no_open_quotes(table: Table) -> None:
    preflight = Preflight(len(table.rows[0]))
    assert {bad.reason for bad in preflight.check(Cut.of(table.data))} <= {"blank line", "starts with '#'"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"1,2,3\n", None),
        (b'"1\r\n#",2,"x""y"\r\n', None),
        (b",,\n", None),
        (b"1,2,#3\n", None),
        (b"1,2,3\r", None),
        (b"\n", "blank line"),
        (b"\r\n", "blank line"),
        (b" \t \n", "blank line"),
        (b"1,2\n", "3 fields expected, 2 found"),
        (b'1,2,3,"4,5"\n', "3 fields expected, 4 found"),
        (b"#1,2,3\n", "starts with '#'"),
        (b"1,\0,3\n", "NUL byte"),
        (b"1,\xc3\xa4,\xff\n", "not UTF-8 (0xff at byte 5 of the record)"),
        (b"1,2,\xf0\x9f\x98\n", "not UTF-8 (0xf0 at byte 4 of the record)"),
        (b"id,x,y\n", "repeats the header"),
        (b"\xef\xbb\xbfid,x,y\r\n", "repeats the header"),
        (b'1,2,"3\n', "quote not closed"),
        (b"1,2\r3,4\n", "carriage return outside quotes (at byte 3 of the record)"),
        (b'"1\r",2\r3,4\n', "carriage return outside quotes (at byte 6 of the record)"),
        (b"1,2,3\r4,5,6\n", "carriage return outside quotes (at byte 5 of the record)"),
    ],
)
def test_each_fault_has_its_reason(record: bytes, reason: str | None) -> None:
    preflight = Preflight(3, b"id,x,y")
    filler = b"1,2,3\n" * 1000
    whole = Cut.of(filler + record, 5)
    assert preflight.reason(record) == reason
    assert [bad.row for bad in preflight.check(whole)] == [1005] * (reason is not None)


@pytest.mark.parametrize("size_bytes", [1, 3000, 10**6])
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'"1\r",2\r3,4\n', "carriage return outside quotes (byte 6006)"),
        (b"1,\xff,3\n", "not UTF-8 (0xff byte 6002)"),
    ],
)
def test_a_reason_names_the_byte_of_the_input(size_bytes: int, record: bytes, reason: str) -> None:
    filler = b"1,2,3\n" * 1000
    cuts = cut([filler + record + filler], Limits(rows=10**6, size_bytes=size_bytes, allow_large=True))
    found = [bad for each in cuts for bad in Preflight(3).check(each, lambda offset: f"byte {offset}")]
    assert found == [BadRow(1000, reason)]


def test_ragged_rows_that_make_up_for_each_other_are_both_found() -> None:
    whole = Cut.of(b"1,2,3\n1,2\n1,2,3,4\n1,2,3\n")
    assert [bad.row for bad in Preflight(3).check(whole)] == [1, 2]


def test_one_column_is_ragged_only_with_a_comma_and_blank_only_without_a_field() -> None:
    assert Preflight(1).check(Cut.of(b'a\n\n""\nb,c\n  \n#\n')) == [
        BadRow(1, "blank line"),
        BadRow(3, "1 field expected, 2 found"),
        BadRow(4, "blank line"),
        BadRow(5, "starts with '#'"),
    ]


def test_a_bad_row_deep_in_a_large_piece_is_the_only_one_named() -> None:
    rows = [b"1,2\n"] * 5000
    rows[4711] = b"1\n"
    assert Preflight(2).check(Cut.of(b"".join(rows))) == [BadRow(4711, "2 fields expected, 1 found")]


def _position(start: int, offset: int) -> str:
    """Describe an offset of a record that starts at ``start``."""
    return f"at byte {start + offset}"
