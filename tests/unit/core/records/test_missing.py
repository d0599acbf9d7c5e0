from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, planner_for
from tests.unit.csv_texts import Table, tables

_TOKENS = st.lists(
    st.sampled_from(["", "NA", "a", "7.", '"', 'a"', '"a"', "a,b", "€", " ", "ab"]), min_size=1, max_size=3, unique=True
)


def rejected_by(data: bytes, options: SubmitOptions, columns: tuple[str, ...]) -> dict[int, str]:
    chunks = planner_for(columns, None, options, endpoint_name="model").plan([data])
    return {each.row: each.reason for chunk in chunks if isinstance(chunk, ChunkPlan) for each in chunk.rejected}


@given(tables(min_rows=1, max_columns=3), _TOKENS, st.booleans(), st.integers(1, 4))
def test_rows_with_a_token_as_the_csv_module_reads_them_are_rejected(
    table: Table,
    tokens: list[str],
    drop: bool,  # noqa: FBT001  drawn
    chunk_rows: int,
) -> None:
    columns = tuple("xyz"[: len(table.rows[0])])
    unsent = columns[:1] if drop and len(columns) > 1 else ()
    plain = rejected_by(table.data, SubmitOptions(drop=unsent, chunk_rows=chunk_rows), columns)
    found = rejected_by(table.data, SubmitOptions(drop=unsent, chunk_rows=chunk_rows, na=tokens), columns)
    expected = {
        row: f"missing value {fields[at]!r} in column {columns[at]!r}"
        for row, fields in enumerate(table.rows)
        for at in reversed(range(len(unsent), len(columns)))
        if fields[at] in tokens
    }
    for row, reason in expected.items():
        assert found[row] == reason or (row in plain and found[row] == plain[row])
    assert found.keys() == plain.keys() | expected.keys()


@pytest.mark.parametrize(
    "field",
    ["NA", '"NA"', '"N"A', '""NA', "", '""'],
)
def test_fields_are_compared_by_content(field: str) -> None:
    data = f"1,{field},2\n1,NAN,2\n1,na,2\n1, NA,2\n1,NA x,2\n".encode()
    (content,) = {row[1] for row in csv.reader(io.StringIO(f"1,{field},2\n", newline=""))}
    found = rejected_by(data, SubmitOptions(na="NA,"), ("a", "b", "c"))
    assert found == {0: f"missing value {content!r} in column 'b'"}


def test_tokens_in_columns_that_are_not_sent_do_no_harm() -> None:
    data = b"NA,1,NA\r\n2,NA,3\r\n4,5,6"
    options = SubmitOptions(na=["NA", "6"], keep="a", drop="c")
    assert rejected_by(data, options, ("a", "b", "c")) == {1: "missing value 'NA' in column 'b'"}


def test_the_first_column_with_a_token_is_named() -> None:
    assert rejected_by(b"1,NULL,NA\r\n", SubmitOptions(na="NA,NULL"), ("a", "b", "c")) == {
        0: "missing value 'NULL' in column 'b'"
    }


def test_an_empty_only_column_is_a_missing_value() -> None:
    found = rejected_by(b"1,\n2,x\n", SubmitOptions(na=[""], drop="a"), ("a", "b"))
    assert found == {0: "missing value '' in column 'b'"}


def test_the_settings_record_the_tokens_once() -> None:
    planner = planner_for(("a",), None, SubmitOptions(na="NA,NA,"), endpoint_name="model")
    assert planner.settings.na_tokens == ("NA", "")
