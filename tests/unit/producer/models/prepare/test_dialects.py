"""Inputs in other dialects, encodings and formats: the same text of each field, or a clear error."""

from __future__ import annotations

import csv
import gzip
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.preparing import prepare
from tailrace_core.errors import InputError, RecordError

FIELDS = st.text(st.sampled_from("ab7.#;,|'\"\n \t€é"), max_size=6)


def prepared(source: Any, **dialect: Any) -> bytes:
    out = io.BytesIO()
    prepare(source, out, recipe={"input": dialect})
    return out.getvalue()


@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([";", "\t", "|", ","]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["utf-8", "utf-16", "utf-16-le", "cp1252", "utf-8-sig"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_fields_keep_their_text(rows: list[list[str]], delimiter: str, quote: str, encoding: str, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=end).writerows([["x", "y"], *rows])
    raw = text.getvalue().encode(encoding)
    found = prepared(raw, delimiter=delimiter, quote=quote, encoding=encoding)
    read = list(csv.reader(io.StringIO(found.decode(), newline="")))
    # No container reads a row that begins like a comment; those are rejected.
    assert read == [["x", "y"], *(row for row in rows if not row[0].startswith("#") or _is_quoted(found, row))]


def _is_quoted(found: bytes, row: list[str]) -> bool:
    return b'"#' in found and any(mark in row[0] for mark in ',"\n')


@pytest.mark.parametrize(
    ("raw", "dialect", "error"),
    [
        ("a;b\n1;é\n".encode("latin-1"), {"delimiter": ";"}, "is not utf-8 near byte"),
        ("a,b\n1,é\n".encode("utf-16")[:-1], {"encoding": "utf-16"}, "is not utf-16 near byte"),
        (b'a;b\n1;"x\n2;3\n', {"delimiter": ";"}, r"record 2 \(line 3\) cannot be read \(unexpected end of data\)"),
        (b'a;b\n1;"x"y\n', {"delimiter": ";"}, r"record 2 \(line 2\) cannot be read \('.' expected after '.'\)"),
        (b"a;b\n1;x\ry\n", {"delimiter": ";"}, r"record 2 \(line 2\) cannot be read \(new-line character seen"),
        (b"", {"delimiter": ";"}, "is empty"),
        (b"a;b\n", {"delimiter": ";"}, "holds a header only"),
        (b"a;b\n1;2\n", {}, "is this really separated by commas"),
    ],
)
def test_what_is_no_text_of_the_dialect_is_refused(raw: bytes, dialect: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error):
        prepared(raw, **dialect)


def test_rows_of_another_form_are_rejected_with_their_reasons(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbfa,b\r\n1,2\r\n3\r\n\r\n4,5,6\r\n7,\x008\r\n9,\xff\r\n#1,2\r\na,b\r\n1\r2,3\r\nx,y\r\n"
    rejects = tmp_path / "rejects.csv"
    out = io.BytesIO()
    done = prepare(raw, out, recipe={"columns": {"a": {"strip": True}}}, rejects=rejects)
    assert out.getvalue() == b"a,b\r\n1,2\r\nx,y\r\n"
    assert done.counts.rows_read == done.counts.rows_written + done.counts.rows_rejected == 10
    lines = rejects.read_bytes().split(b"\n")
    assert lines[0] == b"row,reason,a,b"
    assert [line.rpartition(b'",')[0] for line in lines[1:-1]] == [
        b'1,"2 fields expected, 1 found',
        b'2,"blank line',
        b'3,"2 fields expected, 3 found',
        b'4,"NUL byte',
        b'5,"not UTF-8 (0xff at byte 33)',
        b"6,\"starts with '#'",
        b'7,"repeats the header',
        b'8,"carriage return outside quotes (at byte 48)',
    ]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_of_another_form_are_rejected_in_every_dialect(delimiter: str) -> None:
    raw = b"a,b\n1,2\n\n3\n4,\x005\n6,7,8\n".replace(b",", delimiter.encode())
    done = prepare(raw, io.BytesIO(), recipe={"input": {"delimiter": delimiter}})
    assert done.first_reasons == {
        1: "blank line",
        2: "2 fields expected, 1 found",
        3: "NUL byte",
        4: "2 fields expected, 3 found",
    }


def test_a_quote_that_swallows_lines_stops_the_preparation() -> None:
    with pytest.raises(RecordError, match=r"row 1 opens a quote \(at byte 10\) that nothing closes"):
        prepared(b'a,b\n1,2\n3,"x\n4,5\n')


def test_the_first_rejected_row_may_stop_the_preparation() -> None:
    with pytest.raises(RecordError, match="row 1 is rejected: 2 fields expected, 1 found"):
        prepare(b"a,b\n1,2\n3\n", io.BytesIO(), recipe={}, on_bad_row="stop")


def test_a_decimal_comma_becomes_a_point_and_a_point_is_no_number() -> None:
    recipe = {
        "input": {"delimiter": ";", "decimal": ","},
        "columns": {"x": {"to": "number", "on_error": "null", "fill": "median"}},
    }
    out = io.BytesIO()
    done = prepare(b"x;y\n1,5;1,5\n1.500;a\n-2;b\n1.234,5;c\n4,;d\n", out, recipe=recipe)
    assert out.getvalue() == b'x,y\n1.5,"1,5"\n1.5,a\n-2,b\n1.5,c\n4.,d\n'
    assert (done.counts.columns["x"].wrong, done.counts.columns["x"].changed) == (2, 2)


@given(
    st.lists(st.decimals(-(10**12), 10**12, places=3), min_size=1), st.sampled_from([",.", ".,", "',", "\u202f,", " ."])
)
def test_numbers_in_groups_of_three_digits_are_joined(numbers: list[Decimal], marks: str) -> None:
    thousands, decimal = marks[0], marks[1]
    swap = str.maketrans({",": thousands, ".": decimal})
    cells = [(f"{each:,.3f}" if place % 3 else f"{each:f}").translate(swap) for place, each in enumerate(numbers)]
    recipe = {
        "input": {"delimiter": ";", "decimal": decimal, "thousands": thousands},
        "columns": {"x": {"to": "number"}},
    }
    out = io.BytesIO()
    done = prepare(("x;y\n" + "".join(f"{each};{each}\n" for each in cells)).encode(), out, recipe=recipe)
    records = list(csv.reader(io.StringIO(out.getvalue().decode())))[1:]
    assert records == [[f"{each:f}", cell] for each, cell in zip(numbers, cells, strict=True)]
    assert done.counts.columns["x"].changed == sum(number != cell for number, cell in records)


def test_groups_of_other_than_three_digits_are_no_numbers() -> None:
    recipe = {"input": {"thousands": ","}, "columns": {"x": {"to": "number", "on_error": "null", "fill": 0}}}
    wrong = ["1,23", "12,34,567", ",123", "1234,567", "1,234,", "1,234.5,6", "1,234e2", "1,"]
    cells = ["1,234", "-1,234,567.5", "1234", *wrong]
    out = io.BytesIO()
    done = prepare(("x,y\n" + "".join(f'"{each}",0\n' for each in cells)).encode(), out, recipe=recipe)
    assert out.getvalue().split() == [b"x,y", b"1234,0", b"-1234567.5,0", b'"1234",0', *[b"0,0"] * len(wrong)]
    assert (done.counts.columns["x"].wrong, done.counts.columns["x"].changed) == (len(wrong), 2)


def test_input_without_a_header_gets_the_names_of_its_places() -> None:
    assert prepared(b"1,2\n3,4\n", header=False) == b"column_1,column_2\n1,2\n3,4\n"


def test_parquet_is_read_as_the_csv_of_its_values(tmp_path: Path) -> None:
    table = pl.DataFrame({"n": [1.5, None, float("nan")], "s": ['a,"b"', "", None], "i": [1, 2, 3]})
    table.write_parquet(tmp_path / "rows.parquet")
    out = io.BytesIO()
    prepare(tmp_path / "rows.parquet", out, recipe={"columns": {"n": {"to": "number", "fill": "median"}}})
    assert out.getvalue() == b'n,s,i\n1.5,"a,""b""",1\n1.5,"",2\n1.5,,3\n'
    pl.DataFrame({"n": [1], "raw": [b"x"]}).write_parquet(tmp_path / "binary.parquet")
    with pytest.raises(InputError, match=r"binary\.parquet cannot be written as CSV .*: 'raw' \(Binary\)$"):
        prepare(tmp_path / "binary.parquet", out, recipe={})
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        prepare(tmp_path / "bad.parquet", out, recipe={})


def test_json_lines_and_parquet_that_is_no_local_file_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(b'\n{"a": 1, "b": "x"}\n'))
    with pytest.raises(InputError, match=r"rows\.jsonl\.gz is JSON Lines, and a recipe prepares CSV, Parquet"):
        prepare(tmp_path / "rows.jsonl.gz", io.BytesIO(), recipe={})
    file = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(file)
    with pytest.raises(InputError, match="is Parquet, which is read from local files only"):
        prepare(io.BytesIO(file.getvalue()), io.BytesIO(), recipe={})


def test_compressed_files_and_several_files_are_one_input(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv.gz").write_bytes(gzip.compress(f"a;b\n{number};x".encode()))
    assert prepared(str(tmp_path / "*.csv.gz"), delimiter=";") == b"a,b\n1,x\n2,x\n"


def test_a_stream_can_be_prepared_where_nothing_has_to_be_computed_first() -> None:
    out = io.BytesIO()
    prepare(io.BytesIO(b"a\n 1\n"), out, recipe={"columns": {"a": {"strip": True}}})
    assert out.getvalue() == b"a\n1\n"
    with pytest.raises(InputError, match="can be read once, and a median or mode has to be computed"):
        prepare(io.BytesIO(b"a\n1\n"), out, recipe={"columns": {"a": {"fill": "mode"}}})


def test_tables_can_be_prepared() -> None:
    table = pl.DataFrame({"a": [" 1 ", "2", None]})
    out = io.BytesIO()
    prepare(table, out, recipe={"columns": {"a": {"strip": True, "to": "number", "fill": "median"}}})
    assert out.getvalue() == b"a\n1\n2\n1.5\n"


def test_text_with_every_control_character_is_refused() -> None:
    every = "".join(chr(each) for each in range(1, 32) if chr(each) not in "\n\r").encode()
    with pytest.raises(InputError, match="hold nearly every control character"):
        prepare(b'a,b\n"x' + every + b'",2\n', io.BytesIO(), recipe={"columns": {"b": {"strip": True}}})
