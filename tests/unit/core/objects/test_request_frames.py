from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import split_fields
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.objects.request_frames import RequestFrame, frame_of
from tailrace_core.objects.request_templates import RequestTemplate
from tests.unit.csv_texts import sliced, tables

TEMPLATES = (
    ("json", '{"instances": [OBJECT]}'),
    ("json", '{"instances": [ARRAY]}'),
    ("json", '{"instances": [{"features": ARRAY}]}'),
    ("json", '{"dataframe_split": {"columns": COLUMNS, "data": [ARRAY]}}'),
    ("json", '{"signature": "an [OBJECT] % {", "inputs": [ [0], [ OBJECT ] ]}'),
    ("json", "[ARRAY]"),
    ("jsonl", "OBJECT"),
    ("jsonl", '{"features":\n ARRAY}'),
)
ODD_NAMES = ("a", "%b", 'q"t', "né,\n", "ARRAY")
TYPES = ("csv", "jsonl")


def settings(request: str, template: str | None, columns: tuple[str, ...] = ("a", "b"), **more: Any) -> JobSettings:
    return JobSettings(
        endpoint_name="m",
        source_columns=columns,
        sent_columns=tuple(range(len(columns))),
        request=request,  # type: ignore[arg-type]  # as it is stored
        request_template=template,
        **more,
    )


def sent(frame: RequestFrame, data: bytes) -> bytes:
    return frame.wrap(frame.encode(data))


def parsed(body: bytes, request: str) -> list[Any]:
    if request == "jsonl":
        return [json.loads(line) for line in body.splitlines()]
    return [json.loads(body)]


@given(st.data(), st.sampled_from(TEMPLATES), st.sampled_from(TYPES))
def test_rows_come_back_from_the_body_of_a_request_as_the_same_values(
    data: st.DataObject, template: tuple[str, str], source_format: str
) -> None:
    table = data.draw(tables(min_rows=1))
    frame = frame_of(settings(*template, columns=ODD_NAMES[: len(table.rows[0])], source_format=source_format))
    lines = frame.encode(table.data)
    body = frame.wrap(lines)
    parsed(body, template[0])
    assert len(body) == frame.wrapped_bytes(len(table.rows), len(lines))
    assert frame.split(body) == lines.splitlines(keepends=True)
    assert frame.join(frame.split(body)) == body
    records = frame.decode(frame.split(body))
    assert list(csv.reader(io.StringIO(b"".join(records).decode(), newline=""))) == [row or [""] for row in table.rows]
    assert frame.encode(b"".join(records)) == lines
    assert all(len(line) >= frame.least_row_bytes - 1 for line in frame.split(body))
    streamed = [record for batch in frame.records(data.draw(sliced(body))) for record in batch]
    assert [record + b"\n" for record in streamed] == records


NUMBERS = ("0", "-0", "7", "-12.50", "1e5", "1E-05", "123456789012345678901234567890", "0.1000")
TEXTS = ("+5", ".5", "5.", "05", "NaN", "Infinity", "inf", " 5", "5 ", "0x1", "1_0", "1e", "-", "true", "null", "é")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("beside", ["1", "text", '"quo,ted"', ""])
def test_a_number_of_json_is_that_number_digit_for_digit_whatever_stands_beside_it(number: str, beside: str) -> None:
    frame = frame_of(settings("jsonl", "ARRAY"))
    line = sent(frame, f"{number},{beside}\n".encode() * 2)
    assert line.startswith(b"[" + number.encode() + b",")
    assert not isinstance(json.loads(line.splitlines()[1])[0], str)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("beside", ["1", "text", '"quo,ted"', ""])
def test_a_field_that_is_no_number_is_a_string(text: str, beside: str) -> None:
    frame = frame_of(settings("jsonl", "ARRAY"))
    assert json.loads(sent(frame, f"{text},{beside}".encode()))[0] == text


@pytest.mark.parametrize(
    ("source_format", "values"),
    [
        ("csv", [5, "a", None, None, "true", 'x "y"']),
        ("jsonl", ["5", "a", "", None, True, 'x "y"']),
    ],
)
def test_quotes_make_a_string_only_in_csv_of_typed_sources(source_format: str, values: list[Any]) -> None:
    frame = frame_of(settings("jsonl", "ARRAY", columns=tuple("abcdef"), source_format=source_format))
    record = b'"5","a","",,true,"x ""y"""\r\n'
    line = sent(frame, record)
    assert json.loads(line) == values
    assert frame.encode(frame.decode([line])[0]) == line
    if source_format == "jsonl":
        assert frame.decode([line]) == [record.replace(b"\r", b"")]


def test_a_body_in_another_frame_has_no_lines() -> None:
    frame = frame_of(settings("json", None))
    assert frame.split(b"1,2\n3,4\n") == []
    assert frame.split(sent(frame, b"1,2\n") + b"\n") == []


def test_a_line_that_holds_no_row_is_shown_as_one_field() -> None:
    frame = frame_of(settings("jsonl", None))
    (record,) = frame.decode([b'{"a": 1,\n'])
    assert split_fields(record) == [b'"{""a"": 1,"\n']


@pytest.mark.parametrize(
    ("request_format", "text", "reason"),
    [
        ("json", '{"instances": []}', "no place for a row"),
        ("json", '{"instances": ["ARRAY"]}', "no place for a row"),
        ("json", '{"a": [ARRAY], "b": [OBJECT]}', "more than one place"),
        ("json", '{"instances": [ARRAY}', "not JSON"),
        ("json", '{"instances": ARRAY}', "stands in no list"),
        ("json", '{"instances": [1, ARRAY]}', "holds more than the row"),
        ("json", '{"a": [1], "instances": ARRAY}', "stands in no list"),
        ("jsonl", '{"a": ARRAY', "not JSON"),
        ("jsonl", '{"a": ARRAY, "b": -Infinity}', "-Infinity is no number"),
    ],
)
def test_a_template_without_one_place_for_a_row_is_refused(request_format: str, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        RequestTemplate.parse(text, RequestFormat(request_format), ("a",))
