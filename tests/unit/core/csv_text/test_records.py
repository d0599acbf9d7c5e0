from __future__ import annotations

import csv
from itertools import accumulate

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from tailrace_core.csv_text.records import (
    QuoteState,
    count_records,
    first_record_end,
    last_record_end,
    outside_quotes,
    split_fields,
    split_records,
    state_after,
)
from tests.unit.csv_texts import Table, csv_rows, field_value, reference, reference_records, soup, tables


@given(soup())
def test_records_are_those_of_a_state_machine(data: bytes) -> None:
    assert split_records(data) == reference_records(data)


@given(soup(), st.integers(0, 400))
def test_records_and_fields_are_those_that_csv_reads(data: bytes, cut: int) -> None:
    try:
        rows = csv_rows(data)
    except csv.Error:
        # A lone carriage return outside of quotes, about which readers disagree.
        reject()
    assert split_records(data) == [record for record, _ in rows]
    assert count_records(data) == len(rows)
    for record, row in rows:
        closed = state_after(record) is not QuoteState.QUOTED
        body = record.rstrip(b"\r\n") if closed else record
        # csv reads a blank line as a row without fields.
        assert [field_value(field) for field in split_fields(body)] == (row or [""])
    head, rest = data[:cut], data[cut:]
    assert state_after(rest, state_after(head)) is state_after(data)


@given(soup())
def test_counting_agrees_with_splitting(data: bytes) -> None:
    assert count_records(data) == len(reference_records(data))


@given(tables())
def test_well_formed_tables_are_read_strictly(table: Table) -> None:
    assert [row for _, row in csv_rows(table.data)] == [
        [field.encode().decode("latin-1") for field in row] for row in table.rows
    ]


@given(soup())
def test_fields_joined_by_commas_are_the_record(record: bytes) -> None:
    assert b",".join(split_fields(record)) == record


@given(soup().filter(lambda record: b"\n" not in record))
def test_every_comma_between_fields_is_one_outside_quotes(record: bytes) -> None:
    assert len(split_fields(record)) == outside_quotes(record).count(b",") + 1


@given(soup())
def test_the_last_end_lies_before_the_unfinished_record(data: bytes) -> None:
    records, unclosed = reference(data)
    unfinished = records[-1] if records and (unclosed or not data.endswith(b"\n")) else b""
    end, after = last_record_end(data)
    assert (end, after is QuoteState.QUOTED) == (len(data) - len(unfinished), unclosed)


@given(soup(), st.integers(0, 400))
def test_ends_are_the_same_when_the_data_comes_in_two_blocks(data: bytes, cut: int) -> None:
    head, rest = data[:cut], data[cut:]
    before = state_after(head)
    end, after = last_record_end(data)
    assert last_record_end(rest, before) == (max(end - len(head), 0), after)
    if end > len(head):
        ends = list(accumulate(map(len, reference_records(data))))
        assert first_record_end(rest, before) + len(head) == next(each for each in ends if each > len(head))


@given(soup())
def test_the_first_end_is_that_of_the_first_record(data: bytes) -> None:
    if last_record_end(data)[0]:
        assert first_record_end(data) == len(reference_records(data)[0])


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"\n", [b"\n"]),
        (b"a\rb\n", [b"a\rb\n"]),
        (b"a\r\nb", [b"a\r\n", b"b"]),
        (b'"a\nb"\n"c""\n"\n', [b'"a\nb"\n', b'"c""\n"\n']),
        (b'""\n""""\n', [b'""\n', b'""""\n']),
        (b'a\n"b\nc', [b"a\n", b'"b\nc']),
        (b'1,5" pipe\n2,6" pipe\n', [b'1,5" pipe\n', b'2,6" pipe\n']),
        (b'1,5"\n"x"y"z\n",2\n', [b'1,5"\n', b'"x"y"z\n', b'",2\n']),
    ],
)
def test_known_cases_split_as_csv_reads_them(data: bytes, records: list[bytes]) -> None:
    assert split_records(data) == records


def test_a_quote_that_is_never_closed_makes_one_record_of_a_large_rest() -> None:
    rest = b'"' + b"x,y\n" * 200_000
    assert split_records(b"a,b\n" + rest) == [b"a,b\n", rest]
