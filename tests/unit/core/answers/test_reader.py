import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.answers.json_answers import MAX_JSON_BYTES
from tailrace_core.answers.reader import AnswerReader, ExpectedPredictions, align_predictions
from tailrace_core.answers.shape import AnswerFormat, AnswerShape, ColumnType
from tailrace_core.errors import AlignmentError

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
TWO = ("label", "score")


def read(
    body: bytes,
    rows: int,
    columns: tuple[str, ...] = ("prediction",),
    accept: str = CSV,
    *,
    block: int = 7,
    **more: Any,
) -> list[bytes]:
    blocks = (body[start : start + block] for start in range(0, len(body), block))
    expected = ExpectedPredictions(rows, columns, accept, **more)
    return [line for lines in align_predictions(blocks, expected) for line in lines]


NUMBERS = st.lists(st.integers().map(lambda number: str(number).encode()), min_size=1, max_size=30)


@given(NUMBERS, st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([b"", b"\n"]), st.integers(1, 50))
def test_lines_are_predictions_whatever_their_ends(lines: list[bytes], end: bytes, last: bytes, block: int) -> None:
    body = end.join(lines) + last
    assert read(body, len(lines), block=block) == lines


@given(NUMBERS, st.integers(1, 5))
def test_any_other_number_of_predictions_is_refused(lines: list[bytes], more: int) -> None:
    body = b"\n".join(lines) + b"\n"
    for rows in (len(lines) + more, len(lines) - more):
        if rows > 0:
            with pytest.raises(AlignmentError) as caught:
                read(body, rows)
            assert (caught.value.sent, caught.value.answered) == (rows, len(lines))


@given(NUMBERS, st.integers(1, 50))
def test_all_formats_say_the_same(lines: list[bytes], block: int) -> None:
    values = [int(line) for line in lines]
    documents = [
        (JSON, json.dumps({"predictions": values})),
        (JSON, json.dumps({"predictions": [{"score": value} for value in values]}, indent=1)),
        (JSON, json.dumps(values)),
        (LINES, "\n".join(map(str, values))),
        (LINES, "".join(json.dumps({"score": value, "other": 0}) + "\n" for value in values)),
        (LINES, "\r\n".join(json.dumps([value]) for value in values)),
        (LINES, "\n".join(json.dumps({"predictions": [value]}) for value in values)),
        (CSV, ",".join(map(str, values))),
    ]
    for accept, body in documents:
        if not (accept == LINES and body.startswith("[") and len(values) == 1):
            assert read(body.encode(), len(values), accept=accept, block=block) == lines, body


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1), st.integers(1, 50))
def test_lines_of_text_in_json_are_read_as_json_where_it_was_asked_for(texts: list[str], block: int) -> None:
    body = "".join(json.dumps(text) + "\n" for text in texts).encode()
    found = b"\n".join(read(body, len(texts), accept=LINES, declared=ColumnType.TEXT, block=block))
    assert list(csv.reader(io.StringIO(found.decode(), newline=""))) == [[text] for text in texts]


def test_a_null_is_no_text_where_json_was_asked_for() -> None:
    with pytest.raises(AlignmentError, match="null"):
        read(b'null\n"a"\n', 2, accept=LINES, declared=ColumnType.TEXT)


def test_quoted_csv_stays_csv_where_the_job_answers_csv_or_json_does_not_fit() -> None:
    csv_of_text = AnswerShape(AnswerFormat.CSV, (ColumnType.TEXT,))
    assert read(b'"a\\u0041"\n', 1, accept=LINES, shape=csv_of_text) == [b'"a\\u0041"']
    assert read(b'"say ""a"""\n"b"\n', 2, accept=LINES, declared=ColumnType.TEXT) == [b'"say ""a"""', b'"b"']


@pytest.mark.parametrize(
    ("body", "rows", "columns", "expected"),
    [
        (b'"a,b"\n"x ""y"""\n', 2, ("p",), [b'"a,b"', b'"x ""y"""']),
        (b'"two\nlines",1\n', 1, TWO, [b'"two\nlines",1']),
        (b"1\n\n2\n\n", 2, ("p",), [b"1", b"2"]),
        (b"0.1,0.9\n", 1, TWO, [b"0.1,0.9"]),
        (b"[0.1,0.9]\n[0.2,0.8]\n", 2, TWO, [b"0.1,0.9", b"0.2,0.8"]),
        (b"[0.1,0.9]", 1, TWO, [b"0.1,0.9"]),
        (b"[[0.1,0.9]]", 1, TWO, [b"0.1,0.9"]),
        (b"[[0.1,0.9],[1,2]]", 2, ("p",), [b'"[0.1,0.9]"', b'"[1,2]"']),
        (b'{"predictions":[{"score":0.25,"predicted_label":"a,b"}]}', 1, ("p",), [b'"a,b"']),
        (b'{"predictions":[{"score":0.25,"label":true}]}', 1, TWO, [b"true,0.25"]),
        (b'[{"closest":3},{"closest":4}]', 2, ("p",), [b"3", b"4"]),
        (b'{"p":""}', 1, ("p",), [b'""']),
        (b"0.1,0.2,0.3", 3, ("p",), [b"0.1", b"0.2", b"0.3"]),
        (b'\xef\xbb\xbf{"predictions":[1,2]}', 2, ("p",), [b"1", b"2"]),
        (b"\xef\xbb\xbf1\n2\n", 2, ("p",), [b"1", b"2"]),
        (b"[0.1,0.9],[0.2,0.8]", 2, TWO, [b"0.1,0.9", b"0.2,0.8"]),
        (b"[0.1, 0.9], [0.2, 0.8],\n[0.3, 0.7]\n", 3, TWO, [b"0.1,0.9", b"0.2,0.8", b"0.3,0.7"]),
        (b'{"model":"a","predictions":[1,2],"took":3}', 2, ("p",), [b"1", b"2"]),
    ],
)
def test_shapes(body: bytes, rows: int, columns: tuple[str, ...], expected: list[bytes]) -> None:
    assert read(body, rows, columns) == expected


@pytest.mark.parametrize(
    ("body", "rows", "columns", "said"),
    [
        (b"", 1, ("p",), "answered 0 predictions"),
        (b"\n\n", 2, ("p",), "answered 0 predictions"),
        (b"  \n1\n", 2, ("p",), "answered 1 predictions"),
        (b"1,2\n3,4\n", 2, ("p",), "prediction 0 has 2 fields, not 1"),
        (b"1,2\n3\n", 2, TWO, "prediction 1 has 1 fields, not 2"),
        (b'"1,2"\n', 1, TWO, "prediction 0 has 1 fields, not 2"),
        (b"1,2", 3, ("p",), "prediction 0 has 2 fields"),
        (b"1,,3", 3, ("p",), "prediction 0 has 3 fields"),
        (b'"never closed\n1\n', 2, ("p",), "not lines of CSV"),
        (b'{"predictions":[1,null]}', 2, ("p",), "null or empty"),
        (b'{"predictions":[1,[]]}', 2, ("p",), "null or empty"),
        (b'{"predictions":[1', 1, ("p",), "not JSON"),
        (b'{"a":1,"b":2}', 1, ("p",), "object of 'a', 'b'"),
        (b'{"a":1}\n{"a"\n', 2, ("p",), "not JSON"),
        (b'{"error": "CUDA out of memory"}', 20, ("p",), "CUDA out of memory"),
        (b'{"error": "CUDA out of memory"}', 1, ("p",), "CUDA out of memory"),
        (b'{"message": "no", "code": 500}', 1, ("p",), "answered an error"),
        (b'{"closest": "far"}', 1, ("p",), "object of 'closest'"),
        (b"<!DOCTYPE html>\n<p>502</p>\n", 2, ("p",), "markup"),
        (b"<html><body>Bad gateway</body></html>", 1, ("p",), "Bad gateway"),
        (b"1\n2\x00\n", 2, ("p",), "NUL"),
        (b"\xff1\n2\n", 2, ("p",), "not UTF-8"),
        (b"a,b,c", 3, ("p",), "3 fields, not 1"),
        (b"<!-- x -->\n<html>", 2, ("p",), "markup"),
        (b"<div>502</div>\n<p>Bad gateway</p>\n", 2, ("p",), "markup"),
        (b'{"retry_after": 30}', 1, ("p",), "object of 'retry_after'"),
        (b'{"score": 0, "error": "oom"}', 1, ("p",), "oom"),
        (b'["a\\u0000b"]', 1, ("p",), "NUL"),
        (b'["\\ud800"]', 1, ("p",), "no text"),
        (b"[0.2,0.4,0.6]", 1, ("p",), "answered 3 predictions"),
        (b'{"a":1}', 1, TWO, "object of 'a'"),
    ],
)
def test_what_is_not_one_prediction_for_each_row_is_refused(
    body: bytes, rows: int, columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(AlignmentError, match=said):
        read(body, rows, columns)


@pytest.mark.parametrize("first", [b"prediction", b"Prediction", b"price", b"NaN", b"inf"])
def test_a_first_line_that_is_known_to_be_the_headers_is_left_out(first: bytes) -> None:
    assert read(first + b"\n1\n2\n", 2, header=True) == [b"1", b"2"]


@pytest.mark.parametrize("body", [b"9\n1\n2\n", b"9,1,2", b"1\n2\nDone in 0.3 s\n", b"1\n2\n\nprediction\n"])
def test_one_line_more_than_rows_is_refused_unless_it_is_the_headers(body: bytes) -> None:
    with pytest.raises(AlignmentError):
        read(body, 2, header=True)


def test_texts_are_not_taken_for_a_header_but_for_the_columns_name() -> None:
    assert read(b"prediction\ncat\ndog\n", 2, header=True) == [b"cat", b"dog"]
    with pytest.raises(AlignmentError, match="answered 3 predictions"):
        read(b"bird\ncat\ndog\n", 2, header=True)


def test_a_large_answer_is_never_held_whole() -> None:
    size, held = 64 * 1024, 0
    lines = b"0.123456\n" * (size // 9)
    rows = 200 * lines.count(b"\n")
    for batch in align_predictions((lines for _ in range(200)), ExpectedPredictions(rows)):
        held = max(held, len(batch))
    assert held <= 2 * size // 9


def test_a_json_document_over_the_limit_is_refused() -> None:
    item = b"[" + b"1," * 500_000
    with pytest.raises(AlignmentError, match="one JSON document of more than"):
        list(align_predictions((item for _ in range(1 + MAX_JSON_BYTES // len(item))), ExpectedPredictions(10)))


LISTS = AnswerShape(AnswerFormat.LINES, (ColumnType.TEXT,))
NUMBER = AnswerShape(AnswerFormat.CSV, (ColumnType.NUMBER,))


def test_a_list_a_line_is_one_rows_value_where_the_others_are() -> None:
    assert read(b"[0.1,0.9]", 1, shape=LISTS) == [b'"[0.1,0.9]"']
    assert read(b"[0.1,0.9]", 1, accept=LINES) == [b'"[0.1,0.9]"']


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_numbers_are_held_to_numbers(block: int) -> None:
    assert read(b"1e-3\nnan\n-Inf\n", 3, shape=NUMBER, block=block) == [b"1e-3", b"nan", b"-Inf"]
    for wrong in (b"cat", b"1_000", b'"1,5"', b"0x1"):
        with pytest.raises(AlignmentError, match="a number"):
            read(b"1\n" + wrong + b"\n2\n", 3, shape=NUMBER, block=block)
        with pytest.raises(AlignmentError, match="a number"):
            read(b"1\n" + wrong + b"\n2\n", 3, declared=ColumnType.NUMBER, block=block)


def test_another_format_than_the_jobs_is_refused() -> None:
    with pytest.raises(AlignmentError, match="the job's answers are CSV of number"):
        read(b"[1,2]", 2, shape=NUMBER)


def test_the_shape_of_an_answer_is_noted() -> None:
    def shape(body: bytes, rows: int, columns: tuple[str, ...] = ("p",)) -> AnswerShape:
        reader = AnswerReader(ExpectedPredictions(rows, columns))
        assert sum(map(len, reader.read([body]))) == rows
        return reader.shape

    number, text = ColumnType.NUMBER, ColumnType.TEXT
    assert shape(b"1\n2\n", 2) == AnswerShape(AnswerFormat.CSV, (number,))
    assert shape(b"cat,0.5\ndog,1\n", 2, TWO) == AnswerShape(AnswerFormat.CSV, (text, number))
    assert shape(b"[1,2]", 2) == AnswerShape(AnswerFormat.DOCUMENT, (number,))
    assert shape(b"[1,2]\n[3,4]\n", 2) == AnswerShape(AnswerFormat.LINES, (text,))
    assert shape(b"1\n", 1) == AnswerShape(None, (number,))


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":{"b":{}}}' + b',{"a":{"b":{}}}' * 1_000_000 + b"]",
        b"[" + b"1,\n" * 5_000_000 + b"1]",
        b"{" + b",".join(b'"%d":{}' % number for number in range(1_000_000)) + b"}",
        b"[[" + b"{}," * 5_000_000 + b"{}]]",
    ],
    ids=["objects", "lines in a list", "members", "one item"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_no_answer_takes_more_than_half_a_gibibyte(body: bytes, tmp_path: Path) -> None:
    """Read in a process of its own, whose peak is its own."""
    path = tmp_path / "body"
    path.write_bytes(body)
    script = (
        "import sys\n"
        "from tailrace_core.answers.reader import ExpectedPredictions, align_predictions\n"
        "from tailrace_core.errors import AlignmentError\n"
        "file = open(sys.argv[1], 'rb')\n"
        "try:\n"
        "    for _ in align_predictions(iter(lambda: file.read(1 << 20), b''), ExpectedPredictions(20)): pass\n"
        "except AlignmentError as error: print(error.message[:200])\n"
        # Not ru_maxrss, which a child begins with as high as its parent's.
        "status = dict(line.split(':') for line in open('/proc/self/status'))\n"
        "print(int(status['VmHWM'].split()[0]) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=400, check=True)
    *_, peak_mb = done.stdout.split()
    assert int(peak_mb) < 300, done.stdout
