from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given

from tailrace_core.csv_text.records import (
    count_records,
    first_record_end,
    last_record_end,
    outside_quotes,
    split_fields,
    split_records,
)
from tests.unit.csv_texts import Table, reference_records, soup, tables


@given(soup())
def test_records_are_those_of_a_state_machine(data: bytes) -> None:
    assert split_records(data) == reference_records(data)


@given(soup())
def test_counting_agrees_with_splitting(data: bytes) -> None:
    assert count_records(data) == len(reference_records(data))


@given(tables())
def test_records_and_fields_are_those_that_the_csv_module_reads(table: Table) -> None:
    rows = list(csv.reader(io.StringIO(table.data.decode(), newline=""), strict=True))
    assert rows == table.rows
    found = [
        [_unquoted(field) for field in split_fields(record.removesuffix(b"\n").removesuffix(b"\r"))]
        for record in split_records(table.data)
    ]
    assert found == table.rows


@given(soup())
def test_fields_joined_by_commas_are_the_record(record: bytes) -> None:
    assert b",".join(split_fields(record)) == record


@given(soup())
def test_every_comma_between_fields_is_one_outside_quotes(record: bytes) -> None:
    assert len(split_fields(record)) == outside_quotes(record).count(b",") + 1


@given(soup())
def test_the_last_end_lies_before_the_unfinished_record(data: bytes) -> None:
    records = reference_records(data)
    unclosed = data.count(b'"') % 2 == 1
    unfinished = records[-1] if records and (unclosed or not data.endswith(b"\n")) else b""
    assert last_record_end(data, inside=False) == (len(data) - len(unfinished), unclosed)


@given(soup())
def test_ends_are_the_same_when_the_data_begins_inside_quotes(data: bytes) -> None:
    end, inside = last_record_end(b'"' + data, inside=False)
    assert last_record_end(data, inside=True) == (max(end - 1, 0), inside)
    if end:
        assert first_record_end(data, inside=True) == first_record_end(b'"' + data, inside=False) - 1


@given(soup())
def test_the_first_end_is_that_of_the_first_record(data: bytes) -> None:
    if last_record_end(data, inside=False)[0]:
        assert first_record_end(data, inside=False) == len(reference_records(data)[0])


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
    ],
)
def test_known_cases_split_as_rfc_4180_says(data: bytes, records: list[bytes]) -> None:
    assert split_records(data) == records


def test_a_quote_that_is_never_closed_makes_one_record_of_a_large_rest() -> None:
    rest = b'"' + b"x,y\n" * 200_000
    assert split_records(b"a,b\n" + rest) == [b"a,b\n", rest]


def _unquoted(field: bytes) -> str:
    text = field.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
