"""Results as DataFrames, Arrow tables and Parquet: typed by the job's answers, nothing lost."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.tables.arrow_tables import ArrowTables, ParquetSink
from tailrace.download.tables.column_types import ColumnTypes, column_types
from tailrace.download.tables.reading import read_arrow, read_pandas
from tailrace_core.answers.evidence import encode_shape
from tailrace_core.answers.shape import AnswerShape, ColumnType
from tailrace_core.csv_text.headers import header_line
from tailrace_core.jobs.model import JobSettings

_TYPES = ColumnTypes({"id": ColumnType.TEXT, "p,q": ColumnType.NUMBER, "label": ColumnType.TEXT})
_ROWS = [
    ("007", "0.1", "NA"),
    ('say "hi", twice', "1e-320", ""),
    ("two\nlines", "-inf", "null"),
    ("NaN", "nan", "\r"),
    ("", "", ""),
    ("é", " 1.5", "  kept  "),
    ("last", "+2", "3"),
]
_NUMBERS = [0.1, 1e-320, -math.inf, math.nan, None, 1.5, 2.0]


def _csv(rows: Sequence[tuple[str, ...]]) -> bytes:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if any(each in value for each in '",\r\n') else value

    return "".join(",".join(map(quoted, row)) + "\n" for row in rows).encode()


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))


def _check(columns: dict[str, list[Any]], rows: list[tuple[str, str, str]], numbers: list[float | None]) -> None:
    assert columns["id"] == [each[0] for each in rows]
    assert columns["label"] == [each[2] for each in rows]
    assert all(map(_same, columns["p,q"], numbers))
    assert len(columns["p,q"]) == len(rows)


def test_an_arrow_table_has_doubles_texts_and_a_null_for_each_rejected_row() -> None:
    file = io.BytesIO(header_line(tuple(_TYPES.types)) + _csv(_ROWS))
    table = read_arrow(file, _TYPES)
    assert [str(each) for each in table.schema.types] == ["string", "double", "string"]
    _check(table.to_pydict(), _ROWS, _NUMBERS)


def test_an_empty_result_keeps_its_schema() -> None:
    table = read_arrow(io.BytesIO(header_line(tuple(_TYPES.types))), _TYPES)
    assert (table.num_rows, table.column_names) == (0, ["id", "p,q", "label"])


def test_a_data_frame_has_floats_and_texts() -> None:
    file = io.BytesIO(header_line(tuple(_TYPES.types)) + _csv(_ROWS))
    frame = read_pandas(file, _TYPES, None)
    assert str(frame["p,q"].dtype) == "float64"
    numbers = [None if index == 4 else each for index, each in enumerate(frame["p,q"].tolist())]
    _check({name: numbers if name == "p,q" else frame[name].tolist() for name in frame}, _ROWS, _NUMBERS)


def test_a_data_frame_has_the_types_that_the_caller_names() -> None:
    file = io.BytesIO(header_line(tuple(_TYPES.types)) + _csv([("007", "1", "x"), ("8", "", "y")]))
    frame = read_pandas(file, _TYPES, {"id": "int64"})
    assert frame["id"].tolist() == [7, 8]


@given(data=st.data())
def test_slices_may_end_anywhere_and_groups_are_bounded(data: st.DataObject) -> None:
    text = _csv(_ROWS * 2)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    file = io.BytesIO()
    sink = ParquetSink(file, _TYPES, table_bytes=40)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        sink.write(text[start:end])
    sink.finish()
    found = pq.ParquetFile(file)
    _check(found.read().to_pydict(), _ROWS * 2, _NUMBERS * 2)
    assert found.metadata.num_row_groups <= len(cuts) + 1


def test_memory_holds_one_group() -> None:
    tables = ArrowTables(_TYPES, table_bytes=100)
    block = _csv([("1", "2", "x" * 50)])
    groups = [table.num_rows for _ in range(10) for table in tables.feed(block)]
    assert groups == [2] * 5
    assert list(tables.rest()) == []


def _settings(**changes: Any) -> JobSettings:
    return JobSettings(
        endpoint_name="m", source_columns=("a", "b"), kept_columns=(1,), output_columns=("p", "q"), **changes
    )


@pytest.mark.parametrize(
    ("declared", "shape", "expected"),
    [
        (None, (ColumnType.NUMBER, ColumnType.TEXT), ["text", "number", "text"]),
        (ColumnType.NUMBER, None, ["text", "number", "number"]),
        (None, None, ["text", "text", "text"]),
    ],
)
def test_types_are_those_that_were_declared_or_established(declared: Any, shape: Any, expected: list[str]) -> None:
    note = encode_shape(AnswerShape(None, shape)) if shape else None
    found = column_types(_settings(output_type=declared), note)
    assert list(found.types.items()) == list(zip(["b", "p", "q"], expected, strict=True))
