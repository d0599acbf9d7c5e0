"""Filters and joins of records, by the examples of AWS's reference and of its guide."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.sagemaker.errors import ApiError
from tailrace_local.sagemaker.inference.transform.data_processing import DataProcessing, ProcessingError

JSON, LINES = "application/json", "application/jsonlines"
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=4)


def processing(kind: str = "text/csv", accept: str | None = None, **asked: str) -> DataProcessing:
    request: dict[str, Any] = {"TransformInput": {"ContentType": kind}, "DataProcessing": asked}
    request["TransformOutput"] = {"Accept": accept} if accept else {}
    found = DataProcessing.of(request)
    assert found is not None
    return found


@pytest.mark.parametrize("asked", [{}, {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}])
def test_the_defaults_leave_records_as_they_are(asked: dict[str, str]) -> None:
    request = {"TransformInput": {}, "TransformOutput": {}, "DataProcessing": asked}
    assert DataProcessing.of(request) is None


@pytest.mark.parametrize(
    ("filter_", "sent"),
    [("$[1:]", b"2,3\n5,6\n"), ("$[0]", b"1\n4\n"), ("$[0,2]", b"1,3\n4,6\n"), ("$[-1]", b"3\n6\n")],
)
def test_cells_are_selected_for_the_model(filter_: str, sent: bytes) -> None:
    assert processing(InputFilter=filter_).before(b"1,2,3\n4,5,6\n") == sent


def test_the_features_of_json_are_selected_for_the_model() -> None:
    assert processing(JSON, InputFilter="$.features").before(b'{"id": 7, "features": [1, 2]}') == b"[1, 2]\n"
    lines = processing(LINES, InputFilter="$.features")
    assert lines.before(b'{"features": 1}\n{"features": 2}\n') == b"1\n2\n"


@pytest.mark.parametrize(
    ("record", "filter_", "joined"),
    [
        ({"id": 7, "x": 1}, "$", {"id": 7, "x": 1, "SageMakerOutput": [0.5]}),
        ({"id": 7, "x": 1}, "$['id','SageMakerOutput']", {"id": 7, "SageMakerOutput": [0.5]}),
        ({"id": 7, "x": 1}, "$.SageMakerOutput", [0.5]),
        (3, "$", {"SageMakerInput": 3, "SageMakerOutput": [0.5]}),
    ],
)
def test_results_are_joined_to_json_by_an_attribute(record: Any, filter_: str, joined: Any) -> None:
    found = processing(LINES, JoinSource="Input", OutputFilter=filter_)
    body = json.dumps(record).encode() + b"\n"
    assert json.loads(found.after(body, b"[0.5]\n", LINES)) == joined


@given(rows=st.lists(st.tuples(st.lists(CELLS, min_size=2, max_size=3), st.integers()), min_size=1, max_size=5))
def test_results_are_appended_to_the_cells_whatever_they_hold(rows: list[tuple[list[str], int]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(cells for cells, _ in rows)
    answer = "".join(f"{number}\n" for _, number in rows)
    joined = processing(JoinSource="Input").after(text.getvalue().encode(), answer.encode(), "text/csv")
    assert list(csv.reader(io.StringIO(joined.decode(), newline=""))) == [[*cells, str(n)] for cells, n in rows]


@pytest.mark.parametrize("answer", [b"1\n", b"1\n2\n3\n", b""])
def test_a_result_too_few_or_too_many_is_not_joined(answer: bytes) -> None:
    with pytest.raises(ProcessingError, match="2 records have"):
        processing(JoinSource="Input").after(b"a\nb\n", answer, "text/csv")


def test_an_index_outside_the_record_is_an_error() -> None:
    with pytest.raises(ProcessingError, match="selects nothing"):
        processing(OutputFilter="$[5]").after(b"", b"1,2\n", "text/csv")


def test_other_media_types_have_no_records() -> None:
    with pytest.raises(ApiError, match="ContentType is image/png"):
        processing("image/png", JoinSource="Input")
