import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text import predictions
from tailrace_core.csv_text.predictions import ExpectedPredictions, align_predictions
from tailrace_core.errors import AlignmentError

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
TWO = ("label", "score")


def read(
    body: bytes,
    rows: int,
    columns: tuple[str, ...] = ("prediction",),
    accept: str = CSV,
    *,
    skip: int = 0,
    block: int = 7,
) -> list[bytes]:
    blocks = (body[start : start + block] for start in range(0, len(body), block))
    return [
        line
        for lines in align_predictions(blocks, ExpectedPredictions(rows, columns, accept), skip=skip)
        for line in lines
    ]


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
        (b'{"closest":3}', 1, ("p",), [b"3"]),
        (b'{"p":""}', 1, ("p",), [b'""']),
        (b"0.1,0.2,0.3", 3, ("p",), [b"0.1", b"0.2", b"0.3"]),
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
        (b'{"a":1}', 1, TWO, "object of 'a'"),
    ],
)
def test_what_is_not_one_prediction_for_each_row_is_refused(
    body: bytes, rows: int, columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(AlignmentError, match=said):
        read(body, rows, columns)


def test_a_header_that_was_scored_is_left_out_when_asked() -> None:
    assert read(b"9\n1\n2\n", 2, skip=1) == [b"1", b"2"]
    assert read(b"9,1,2", 2, skip=1) == [b"1", b"2"]
    with pytest.raises(AlignmentError) as caught:
        read(b"9\n1\n2\n", 2)
    assert caught.value.answered == 3


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
        list(
            align_predictions(
                (item for _ in range(1 + predictions.MAX_JSON_BYTES // len(item))), ExpectedPredictions(10)
            )
        )
