"""DataFrames and Arrow tables as input: what is read is what is in the table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sources.names import source_names
from tailrace.sources.source import Source
from tailrace.sources.tables import arrow_csv, pandas_csv, polars_csv
from tailrace.sources.tables.recognition import table_text
from tailrace_core.csv_text.headers import HeaderPolicy, parse_header
from tailrace_core.errors import InputError

_LIBRARIES = ["pandas", "polars", "pyarrow"]
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ['"', ",", "\r", "\n"]
)
_FLOAT = st.floats(allow_nan=False) | st.none()
_TIMES = [datetime(2026, 1, 31, 8, 30, 0, 250_000), None, datetime(2026, 2, 1)]  # noqa: DTZ001 - naive on purpose


def _table(library: str, columns: dict[str, list[Any]]) -> Any:
    if library == "pandas":
        return pd.DataFrame(columns)
    return pl.DataFrame(columns) if library == "polars" else pa.table(columns)


def _records(table: Any, rows: int) -> bytes:
    if isinstance(table, pd.DataFrame):
        return b"".join(pandas_csv.records(table, rows))
    module: Any = polars_csv if isinstance(table, pl.DataFrame) else arrow_csv
    return b"".join(module.records(table, rows))


def _read(table: Any) -> list[list[str]]:
    text = table_text(table)
    assert text is not None
    return _parsed(b"".join(text.blocks()))


def _parsed(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


@pytest.mark.parametrize("library", _LIBRARIES)
@given(rows=st.lists(st.tuples(_TEXT, _FLOAT, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=5))
def test_every_value_is_read_back_and_batches_do_not_matter(
    library: str, rows: list[tuple[str, float | None, int]]
) -> None:
    texts, floats, numbers = (list(each) for each in zip(*rows, strict=True))
    # A column of missing values alone has no type of its own.
    floats = [1.5, *floats]
    table = _table(library, {"t,": ["x", *texts], "f": floats, "n": [7, *numbers]})
    assert _parsed(_records(table, 1)) == _parsed(_records(table, 2)) == _parsed(_records(table, 1_000))
    head, *found = _read(table)
    assert head == ["t,", "f", "n"]
    assert [each[0] for each in found] == ["x", *texts]
    assert [float(each[1]) if each[1] else None for each in found] == floats
    assert [int(each[2]) for each in found] == [7, *numbers]


@pytest.mark.parametrize("library", _LIBRARIES)
def test_what_is_missing_is_an_empty_field(library: str) -> None:
    table = _table(library, {"f": [math.nan, 0.1, None], "t": ["a", None, ""], "b": [True, None, False]})
    _, *found = _read(table)
    assert [each[:2] for each in found] == [["", "a"], ["0.1", ""], ["", ""]]
    assert [each[2].lower() for each in found] == ["true", "", "false"]


@pytest.mark.parametrize("library", _LIBRARIES)
@pytest.mark.parametrize("values", [[1.5, None, 2.5], ["a", None, ""]])
def test_no_row_is_a_blank_line(library: str, values: list[Any]) -> None:
    assert b"\n\n" not in b"\n" + _records(_table(library, {"only": values}), 2)
    assert len(_read(_table(library, {"only": values}))) == 4


@pytest.mark.parametrize("library", [*_LIBRARIES, "pandas[pyarrow]"])
def test_times_are_iso_8601_whatever_else_is_in_their_batch(library: str) -> None:
    zone = timezone(timedelta(hours=2))
    columns: dict[str, list[Any]] = {
        "t": _TIMES,
        "z": [each and each.replace(tzinfo=UTC).astimezone(zone) for each in _TIMES],
        "d": [Decimal("1.10"), Decimal("-0.05"), None],
    }
    table = pa.table(
        columns,
        schema=pa.schema({"t": pa.timestamp("us"), "z": pa.timestamp("us", "+02:00"), "d": pa.decimal128(5, 2)}),
    )
    given: Any = {
        "pandas": table.to_pandas,
        "pandas[pyarrow]": lambda: table.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": lambda: pl.DataFrame({**columns, "z": pl.Series(columns["z"]).dt.convert_time_zone("Europe/Paris")}),
        "pyarrow": lambda: table,
    }[library]()
    first, second, third = ("2026-01-31T08:30:00.250000", "", "2026-02-01T00:00:00.000000")
    assert _read(given)[1:] == [[first, first + "Z", "1.10"], ["", second, "-0.05"], [third, third + "Z", ""]]
    assert _records(given, 1) == _records(given, 3)


def _reader() -> pa.RecordBatchReader:
    table = pa.table({"a": [1, 2, 3], "b": [4, 5, 6]})
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}, index=[7, 7, 7]),
        lambda: pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}),
        lambda: pa.table({"a": [1, 2, 3], "b": [4, 5, 6]}),
        lambda: pa.record_batch({"a": [1, 2, 3], "b": [4, 5, 6]}),
        _reader,
        lambda: b"a,b\n1,4\n2,5\n3,6\n",
        lambda: [pd.DataFrame({"a": [1], "b": [4]}), io.BytesIO(b"a,b\n2,5\n"), bytearray(b"a,b\n3,6\n")],
    ],
)
def test_a_table_is_a_source_like_any_other(make: Callable[[], Any]) -> None:
    with Source.open(source_names(make()), header=HeaderPolicy.STRIP) as source:
        assert source.columns == ("a", "b")
        assert b"".join(source.blocks()) == b"1,4\n2,5\n3,6\n"


def test_names_that_are_no_text_are_written_as_text() -> None:
    assert _read(pd.DataFrame({0: [1], "b": [2]}))[0] == ["0", "b"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.Series([1]), r"is a Series, which is not read directly: give source.to_frame\(\)"),
        (pl.DataFrame({"a": [1]}).lazy(), r"is a LazyFrame, .*give source.collect\(\)"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
        (pd.DataFrame(), "has no columns"),
        (pd.DataFrame({"a": []}), "the pandas DataFrame has no rows"),
        (pl.DataFrame({"a": [[1, 2]]}), "cannot be written as CSV"),
        (pa.table({"a": [[1, 2]]}), "cannot be written as CSV"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(source: Any, message: str) -> None:
    with (
        pytest.raises(InputError, match=message),
        Source.open(source_names(source), header=HeaderPolicy.STRIP) as opened,
    ):
        list(opened.blocks())


@pytest.mark.parametrize("names", [["400.5", "401"], ["a;b"], ["a|b"], [".5"], ["x"]])
@pytest.mark.parametrize("library", _LIBRARIES)
def test_the_names_of_a_table_are_never_taken_for_a_row_or_another_delimiters(library: str, names: list[str]) -> None:
    text = table_text(_table(library, {name: [1, 2] for name in names}))
    assert text is not None
    assert parse_header(b"".join(text.blocks()).partition(b"\n")[0]) == tuple(names)


def test_a_table_has_column_names_in_any_case() -> None:
    with pytest.raises(InputError, match='the pandas DataFrame has column names: leave out header="none"'):
        Source.open(source_names(pd.DataFrame({"a": [1]})), header=HeaderPolicy.NONE)


def test_a_table_is_recognised_without_its_library() -> None:
    made = type("DataFrame", (), {"__module__": "pandas.core.frame"})
    assert table_text(object()) is None
    assert table_text(type("DataFrame", (), {"__module__": "other"})()) is None
    with pytest.raises(AttributeError):
        table_text(made())
