"""Rows of JSON Lines as CSV: text and number stay apart, and numbers are as they were written."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.json_lines import JsonLines
from tailrace_core.csv_text.json_rows import JsonRows, no_row
from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.errors import RecordTooLargeError

_COLUMNS = ("a", "b", 'c "d"', "é")
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n\\\0é😀'))
_NUMBERS = st.sampled_from(["0", "-0", "1.50", "1E5", "-2.5e-300", "9" * 5000, "0.1000000000000000055"])
_VALUES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | _TEXTS
_NESTED = st.recursive(_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3))


@given(
    row=st.dictionaries(st.sampled_from(_COLUMNS), _VALUES | _NESTED),
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), ("\t,\r", " :")]),
    in_order=st.booleans(),
)
def test_a_row_is_read_back_from_its_record(
    *, row: dict[str, Any], ascii_only: bool, separators: tuple[str, str], in_order: bool
) -> None:
    if in_order:
        row = {name: row.get(name) for name in _COLUMNS}
    line = json.dumps(row, ensure_ascii=ascii_only, separators=separators).encode()
    fields = split_fields(JsonRows(_COLUMNS).record(line))
    assert len(fields) == len(_COLUMNS)
    for name, field in zip(_COLUMNS, fields, strict=True):
        assert _value(field) == _expected(row.get(name), ascii_only=ascii_only, separators=separators)


def _value(field: bytes) -> Any:
    if field.startswith(b'"'):
        return next(csv.reader([field.decode()]))[0] if b"\n" not in field and b"\r" not in field else _text(field)
    return json.loads(field) if field else None


def _text(field: bytes) -> str:
    return field.decode()[1:-1].replace('""', '"')


def _expected(value: Any, *, ascii_only: bool, separators: tuple[str, str]) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    return value


@given(numbers=st.lists(_NUMBERS | st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=2, max_size=2))
def test_the_text_of_a_number_stays(numbers: list[str]) -> None:
    line = f'{{"a": {numbers[0]}, "b": {numbers[1]}}}'.encode()
    assert JsonRows(("a", "b")).record(line) == ",".join(numbers).encode()
    assert JsonRows(("b", "a")).record(line) == ",".join(reversed(numbers)).encode()


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"a":"7","b":7}', b'"7",7'),
        (b'{"b":7}', b",7"),
        (b'{"a":null,"b":true}', b",true"),
        (b'{"a":"null","b":"true"}', b'"null","true"'),
        (b"{}", b","),
        (b' {"b" : 1e2 , "a" : "x,\\"y\\"" } \r', b'"x,""y""",1e2'),
        (b'{"a":"\\ud83d\\ude00\\n","b":[1.50, {"c":"d"}]}', '"😀\n","[1.50, {""c"":""d""}]"'.encode()),
        (b'{"\\u0061":1}', b"1,"),
    ],
)
def test_a_value_is_written_by_its_kind(line: bytes, record: bytes) -> None:
    assert JsonRows(("a", "b")).record(line) == record


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "no JSON object"),
        (b'"a"', "no JSON object"),
        (b'{"a":1,"a":2}', 'key "a" twice'),
        (b'{"a":1,"c\\n":2}', 'unknown key "c\\n"'),
        (b'{"a":NaN}', "no JSON: NaN is no number there"),
        (b'{"a":[-Infinity]}', "no JSON: -Infinity is no number there"),
        (b'{"a":1,}', "no JSON: "),
        (b'{"a":1} {"a":2}', "no JSON: extra data"),
        (b'{"a":01,"b":1}', "no JSON: "),
        (b'{"a":"\t","b":1}', "no JSON: invalid control character"),
        (b'{"a":"\\x","b":1}', "no JSON: invalid \\escape"),
        (b'{"a":"\\u12","b":1}', "no JSON: invalid \\uXXXX escape"),
        (b'{"a":"\\ud800","b":1}', "half of a surrogate pair"),
        (b'{"a":"\xc3","b":1}', "not UTF-8 (0xc3 at byte 6 of the line)"),
        (b'{"a":' + b"[" * 200_000 + b"}", "no JSON that can be read: nested too deeply"),
        (b'{"a"', "no JSON: "),
        (b"{", "no JSON: "),
        (b"\xef\xbb\xbf{}", "no JSON: "),
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_reason(line: bytes, reason: str) -> None:
    lines = JsonLines(("a", "b"), first_row=7)
    data = b"".join(lines.blocks([b'{"a":1}\n' + line + b'\n{"b":"\xc3\xa9"}']))
    assert split_records(data) == [b"1,\n", no_row(line.removesuffix(b"\r"), 2) + b"\n", b',"\xc3\xa9"\n']
    found = lines.known_rejects(7, 3)
    assert list(found) == [8]
    assert found[8].startswith(reason)
    assert lines.known_rejects(7, 3) == {}


@pytest.mark.parametrize("bad", [b"", b"\xff\n"], ids=["UTF-8", "other bytes"])
def test_a_blank_line_is_no_row_and_has_no_number(bad: bytes) -> None:
    lines = JsonLines(("a", "b"), first_row=7)
    data = b"".join(lines.blocks([b'\n{"a":1}\n\n \t\r\n' + bad, b'\r\n{"c":1}\n', b'\n{"b":2}\n\n\n  ']))
    assert [each for each in split_records(data) if each != no_row(b"\xff", 2) + b"\n"] == [
        b"1,\n",
        no_row(b'{"c":1}', 2) + b"\n",
        b",2\n",
    ]
    rejected = [7 + 1, 7 + 2] if bad else [7 + 1]
    assert list(lines.known_rejects(0, 100)) == rejected


def test_a_missing_value_that_is_alone_in_its_row_is_no_blank_line() -> None:
    assert JsonRows(("a",)).record(b"{}") == JsonRows(("a",)).record(b'{"a":null}') == b'""'
    assert len(split_fields(no_row(b"x", 1))) == 2


@given(
    blocks=st.lists(st.sampled_from([b'{"a":1}\n', b"{", b'"a":2}', b"\n", b" \r", b'{"b":"x', b'"}\n', b"\xff"])),
    starts=st.lists(st.integers(0, 100), unique=True).map(sorted),
)
def test_blocks_may_end_anywhere(blocks: list[bytes], starts: list[int]) -> None:
    whole, pieces = JsonLines(("a", "b"), boundaries=starts), JsonLines(("a", "b"), boundaries=starts)
    data = b"".join(blocks)
    assert b"".join(pieces.blocks(blocks)) == b"".join(whole.blocks([data] if data else []))
    assert pieces.boundaries == whole.boundaries
    lines, records = io.BytesIO(data).readlines(), 0
    assert pieces.known_rejects(0, len(lines)) == whole.known_rejects(0, len(lines))
    at, before, expected = 0, -1, set()
    for line in lines:
        # A stripe that begins behind the start of a line begins with the next one.
        expected |= {records for start in starts if before < start <= at}
        records += len(b"".join(JsonLines(("a", "b")).blocks([line])))
        before, at = at, at + len(line)
    assert set(whole.boundaries) == expected


def test_a_line_over_the_limit_is_refused() -> None:
    with pytest.raises(RecordTooLargeError, match="row 1 or behind it"):
        list(JsonLines(("a",)).blocks([b"{}\n", *[b"x" * 1024 * 1024] * 17]))


def test_numbers_that_a_float_cannot_hold_stay() -> None:
    assert math.isinf(float("1e999"))
    assert JsonRows(("a",)).record(b'{"a":1e999}') == b"1e999"
