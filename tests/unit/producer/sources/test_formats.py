"""Inputs of JSON Lines and of Parquet: what is read from files, streams and objects of S3."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import gzip
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from tailrace.download.rejected_rows import RejectedRows
from tailrace.sources.names import source_names
from tailrace.sources.origins import S3Objects
from tailrace.sources.record_source import RecordSource, open_records
from tailrace.sources.tables.parquet import parquet_blocks
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.json_heads import read_source_head
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, planner_for
from tests.unit.producer.sources.test_containers import Bucket

STRIP = HeaderPolicy.STRIP
LINES = b'{"id": 1, "name": "x"}\n{"id": 2, "name": "7"}\n'
RECORDS = b'1,"x"\n2,"7"\n'


def opened(*names: Any, **options: Any) -> RecordSource:
    return open_records([str(each) if isinstance(each, Path) else each for each in names], header=STRIP, **options)


def read(*names: Any, **options: Any) -> bytes:
    with opened(*names, **options) as source:
        return b"".join(source.blocks())


def chunks(source: RecordSource, **options: Any) -> list[ChunkPlan]:
    planner = planner_for(
        source.columns,
        source.header,
        SubmitOptions(**options),
        endpoint_name="model",
        source_format=source.source_format,
    )
    plans = planner.plan(source.blocks(), source.describe_position, source.known_rejects)
    return [each for each in plans if isinstance(each, ChunkPlan)]


@pytest.mark.parametrize(
    "stored",
    [LINES, b"\xef\xbb\xbf" + LINES, LINES.replace(b"\n", b"\r\n"), gzip.compress(LINES), zstandard.compress(LINES)],
    ids=["plain", "BOM", "CRLF", "gzip", "zstd"],
)
def test_json_lines_are_recognised_by_their_content(stored: bytes, tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_bytes(stored)
    with opened(file) as source:
        assert source.columns == ("id", "name")
        assert source.header == b"id,name"
        assert source.source_format is SourceFormat.JSONL
        assert b"".join(source.blocks()) == RECORDS
    assert read("-", stdin=io.BytesIO(stored)) == RECORDS
    bucket = Bucket({"rows": stored})
    with opened("s3://b/rows", s3=S3Objects(bucket)) as source:
        assert source.lies_in_s3
        assert b"".join(source.blocks()) == RECORDS


def test_files_of_json_lines_are_one_input(tmp_path: Path) -> None:
    for name, data in {"a": LINES[:-1], "b": b'\n{"name":"\xc3\xa9"}', "c": b"id,name\n"}.items():
        (tmp_path / name).write_bytes(data)
    assert read(tmp_path) == RECORDS + b',"\xc3\xa9"\n"id,name"\n'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "first line"),
        (b"[1]\n", "no JSON object"),
        (b"{}\n", "an empty object"),
        (b'{"a":1,"a":2}\n', 'key "a" twice'),
        (b'{"a":NaN}\n', "NaN"),
        (b'{"\\ud800":1}\n', "surrogate"),
        ('{"a":1}\n'.encode("utf-16"), "UTF-16"),
        (b"{" * (17 * 1024 * 1024), "does not end within"),
    ],
)
def test_lines_without_columns_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(io.BytesIO(data), source_format=SourceFormat.JSONL)


def test_what_is_no_object_is_csv() -> None:
    for header in (b'"{a", b', b"{a", b'{"a":1', b"{a},b", b'{"a":1},b'):
        with opened(io.BytesIO(header + b"\n1,2\n")) as source:
            assert source.source_format is SourceFormat.CSV
    assert read(io.BytesIO(LINES.replace(b'"', b"")), source_format=SourceFormat.CSV).startswith(b"{id: 2")


@pytest.mark.parametrize(
    "document", [b'{\n "a": 1\n}\n', b'\xef\xbb\xbf[{"a":1},{"a":2}]', b'\n[\r\n  {"a": 1}\r\n]', b'[ { "a": 1 } ]\n']
)
def test_a_json_document_is_no_csv_unless_it_is_called_so(document: bytes) -> None:
    with pytest.raises(InputError, match="is a JSON document, and rows are read from JSON Lines"):
        opened(io.BytesIO(document))
    with pytest.raises(InputError, match="is a JSON document"):
        read_source_head(document, iter([document]), "rows", is_lines=None)
    plain = b"[\n1\n"
    assert read(io.BytesIO(plain), source_format=SourceFormat.CSV) == b"1\n"


def test_the_header_policy_none_is_refused() -> None:
    with pytest.raises(InputError, match="keys are column names"):
        open_records([io.BytesIO(LINES)], header=HeaderPolicy.NONE)


def test_columns_go_by_name_and_a_bad_line_is_rejected_with_itself() -> None:
    lines = b'{"id":1,"x":"a","y":1.50}\n{"id":2,"z":0}\n{"y":"1.50","id":3}\n'
    (chunk,) = chunks(opened(io.BytesIO(lines)), keep=["id"], send=["y", "x"], header="repeat")
    assert b"".join(chunk.input) == b'y,x\n1.50,"a"\n"1.50",\n'
    assert b"".join(chunk.kept) == b"1\n\n3\n"
    (reject,) = chunk.rejected
    assert (reject.row, reject.reason) == (1, 'unknown key "z"')
    assert reject.record == b'"{""id"":2,""z"":0}"'


def test_a_rejected_line_is_shown_as_it_was() -> None:
    source = opened(io.BytesIO(LINES + b'{"id": [}\r\n'))
    planner = planner_for(
        source.columns, source.header, SubmitOptions(), endpoint_name="m", source_format=source.source_format
    )
    plan = planner.plan(source.blocks(), source.describe_position, source.known_rejects)
    (reject,) = next(each for each in plan if isinstance(each, ChunkPlan)).rejected
    rows = RejectedRows(planner.settings, whole=False)
    assert rows.fields(reject)["line"] == '{"id": [}'
    assert rows.csv_line(reject).startswith(b'2,"no JSON: ')


def test_a_header_is_no_row_that_repeats_it() -> None:
    assert not chunks(opened(io.BytesIO(b'{"1":1}\n{"1":1}\n')))[0].rejected


def test_the_place_of_a_fault_is_that_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LINES)
    (tmp_path / "b").write_bytes(b'{"id":1,"name":"\\u0000"}\n')
    (chunk,) = chunks(opened(tmp_path))
    assert chunk.rejected[0].reason == "NUL byte"
    with opened(tmp_path) as source:
        list(source.blocks())
        assert source.describe_position(5) == f"in the lines from byte 0 of {tmp_path / 'a'} on"


def table(rows: int = 3) -> pa.Table:
    utc = dt.UTC
    zoned = pa.array([dt.datetime(2026, 1, 31, tzinfo=utc), None, dt.datetime(1, 1, 1, tzinfo=utc)][:rows])
    return pa.table(
        {
            "name": pa.array(["7", None, 'q",\n'][:rows]),
            "whole": pa.array([7, None, -(2**63)][:rows], pa.int64()),
            "share": pa.array([0.1, math.nan, 5e-324][:rows]),
            "single": pa.array([0.1, None, -0.0][:rows], pa.float32()),
            "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-0.01")][:rows]),
            "ok": pa.array([True, None, False][:rows]),
            "day": pa.array([dt.date(2026, 1, 31), None, dt.date(1, 1, 1)][:rows]),
            "at": pa.array([dt.time(8, 30), None, dt.time(0, 0, 0, 1)][:rows]),
            "seen": pa.array([dt.datetime(2026, 1, 31, 8, 30), None, dt.datetime(1969, 12, 31)][:rows]),  # noqa: DTZ001
            "zoned": zoned.cast(pa.timestamp("ms", "Europe/Dublin")),
            "kind": pa.array(["a", None, "a"][:rows]).dictionary_encode(),
            "none": pa.nulls(rows),
        }
    )


TABLE = (
    b'"7",7,0.1,0.1,1.50,true,"2026-01-31","08:30:00.000000","2026-01-31T08:30:00.000000","2026-01-31T00:00:00.000Z","a",\n'
    b",,,,,,,,,,,\n"
    b'"q"",\n",-9223372036854775808,5e-324,-0,-0.01,false,"0001-01-01","00:00:00.000001","1969-12-31T00:00:00.000000",'
    b'"0001-01-01T00:00:00.000Z","a",\n'
)


def stored(columns: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(columns, file, **options)
    return file.getvalue()


def test_parquet_is_read_from_files_streams_and_objects(tmp_path: Path) -> None:
    data = stored(table(), row_group_size=1)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(data)
    with opened(tmp_path) as source:
        assert source.columns == tuple(table().column_names)
        assert source.source_format is SourceFormat.JSONL
        assert b"".join(source.blocks()) == TABLE * 2
        assert source.bytes_read == 2 * len(data) == source.size_hint_bytes
    assert read(io.BytesIO(data)) == TABLE
    bucket = Bucket({"in/a": data, "in/b": data})
    with opened("s3://b/in/", s3=S3Objects(bucket)) as source:
        assert not source.lies_in_s3
        assert source.boundaries(0) == ()
        assert b"".join(source.blocks()) == TABLE * 2
    assert any("Range" in call.params for call in bucket.calls)


def test_an_object_that_changes_midway_is_refused() -> None:
    numbers = pa.table({"a": [each / 7 for each in range(50_000)]})
    bucket = Bucket({"a": stored(numbers, row_group_size=10_000, use_dictionary=False)})
    with opened("s3://b/a", s3=S3Objects(bucket)) as source:
        bucket.replace("a", stored(table(2)))
        with pytest.raises(InputError, match="s3://b/a has changed or is gone"):
            list(source.blocks())


def test_a_row_group_is_not_read_as_a_whole_before_its_first_rows() -> None:
    class Counted(io.BytesIO):
        bytes_read = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.bytes_read += len(data)
            return data

    numbers = pa.table({"a": np.arange(2_000_000, dtype=np.float64)})
    data = stored(numbers, row_group_size=2_000_000, use_dictionary=False, compression="NONE")
    file = Counted(data)
    with contextlib.closing(parquet_blocks(file, "rows", lambda _: None)) as blocks:
        assert next(blocks) == b"a\n"
        assert next(blocks).startswith(b"0\n1\n")
    assert file.bytes_read < len(data) / 2


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([b"x"]), "binary"),
        (pa.array([[1]]), "list<"),
        (pa.array([{"a": 1}]), "struct<"),
        (pa.array([dt.timedelta(1)]), "duration"),
    ],
)
def test_a_column_without_a_text_is_refused_by_name(column: pa.Array, kind: str) -> None:
    with pytest.raises(InputError, match=f"'bad' \\({kind}"):
        opened(io.BytesIO(stored(pa.table({"good": [1], "bad": column}))))


def test_files_of_another_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(stored(table()))
    (tmp_path / "b").write_bytes(b"name\n1\n")
    with pytest.raises(InputError, match="b is no Parquet file, as the first input is"):
        opened(tmp_path)
    with pytest.raises(InputError, match="is a Parquet file"):
        opened(tmp_path / "b", tmp_path / "a")
    with pytest.raises(InputError, match="has column names"):
        open_records([str(tmp_path / "a")], header=HeaderPolicy.NONE)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        opened(io.BytesIO(stored(table())[:-20]))
    with pytest.raises(InputError, match="has no rows"):
        opened(io.BytesIO(stored(table(0))))


def test_a_missing_value_that_is_alone_in_its_row_is_no_blank_line() -> None:
    assert read(io.BytesIO(stored(pa.table({"a": [1.5, None, 2.0]})))) == b'1.5\n""\n2\n'
    assert read(io.BytesIO(stored(pa.table({"a": ["\n\n", None, ""]})))) == b'"\n\n"\n""\n""\n'


def requested(*names: Any, **options: Any) -> list[dict[str, Any]]:
    """Return the rows that a model gets as JSON."""
    with open_records(source_names(names), header=STRIP, typed_tables=True) as source:
        sent = chunks(source, request="json", **options)
    return [row for chunk in sent if chunk.input for row in json.loads(b"".join(chunk.input))["instances"]]


@pytest.mark.parametrize(
    "make",
    [
        lambda table: table,
        lambda table: table.to_reader(2),
        lambda table: table.to_pandas(),
        lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
        lambda table: table.to_pandas(
            types_mapper={
                pa.int64(): pd.Int64Dtype(),
                pa.bool_(): pd.BooleanDtype(),
                pa.float32(): pd.Float32Dtype(),
            }.get
        ),
        pl.from_arrow,
    ],
    ids=["Arrow", "reader", "pandas", "pandas[Arrow]", "pandas[nullable]", "polars"],
)
def test_a_model_that_takes_json_gets_of_a_table_what_it_gets_of_its_parquet_file(
    make: Callable[[pa.Table], Any],
) -> None:
    # Of times of day, each library shows digits of its own.
    given = table().drop_columns(["at", "none"])
    of_parquet = requested(io.BytesIO(stored(given)))
    assert [of_parquet[0][name] for name in ("name", "whole", "share", "ok", "price")] == ["7", 7, 0.1, True, 1.5]
    assert set(of_parquet[1].values()) == {None}
    of_table = requested(make(given))
    assert of_table == of_parquet
    assert of_table[0]["ok"] is True


def test_objects_of_a_pandas_column_are_sent_by_their_kind() -> None:
    values = [
        "7",
        7,
        2**64,
        True,
        np.False_,
        0.5,
        np.float32(0.1),
        decimal.Decimal("1.50"),
        None,
        pd.NA,
        math.nan,
    ]
    frame = pd.DataFrame({"a": pd.Series([*values, [1, "b"]], dtype=object), "b": range(12)})
    found = [row["a"] for row in requested(frame)]
    assert found == ["7", 7, 2**64, True, False, 0.5, 0.1, 1.5, None, None, None, "[1, 'b']"]
    assert found[3] is True


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_single_column_of_a_typed_table_has_no_blank_lines(make: Callable[[Any], Any]) -> None:
    assert requested(make({"a": ["7", None, ""]})) == [{"a": "7"}, {"a": ""}, {"a": ""}]


def test_tables_beside_other_sources_are_read_as_csv() -> None:
    assert requested(pd.DataFrame({"a": ["7"]}), b"a\n8\n") == [{"a": 7}, {"a": 8}]


def test_without_pyarrow_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(table())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.delattr(pa, "parquet", raising=False)
    with pytest.raises(InputError, match=r"install tailrace\[arrow\]"):
        opened(io.BytesIO(data))


def test_parquet_is_what_pandas_reads(tmp_path: Path) -> None:
    frame = table().to_pandas().drop(columns=["none", "at", "zoned", "price"])
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    with opened(path) as source:
        text = b",".join(name.encode() for name in source.columns) + b"\n" + b"".join(source.blocks())
    found = pd.read_csv(io.BytesIO(text), dtype={"name": str}, parse_dates=["seen"])
    expected = pd.read_parquet(path)
    for name in ("share", "whole", "single"):
        assert list(found[name].dropna()) == [pytest.approx(each, rel=1e-7) for each in expected[name].dropna()]
    assert list(found["share"].dropna()) == list(expected["share"].dropna())
    assert list(found["name"].fillna("")) == list(expected["name"].fillna(""))
    assert list(found["seen"].dropna()) == list(expected["seen"].dropna())
    assert list(found["day"].dropna()) == [str(each) for each in expected["day"].dropna()]


def test_json_lines_are_what_python_reads() -> None:
    rows = [{"a": each, "b": str(each)} for each in (1, 0.1, 1e300, -5, 2**70)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    records = read(io.BytesIO(lines)).decode().splitlines()
    assert [json.loads(f"[{record}]") for record in records] == [list(row.values()) for row in rows]
