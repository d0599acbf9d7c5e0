"""The verdicts of `tailrace local invoke` on answers, without a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.submission.options import SubmitOptions
from tailrace_local.control.invocation.request import ModelAnswer, SentRows, first_chunk
from tailrace_local.control.invocation.verdict import Verdict, judge

_FILE = "id,a,b\nx,1,2\ny,3,4\nz,5,0\n"


def sent(folder: Path, text: str = _FILE, **options: Any) -> SentRows:
    (folder / "rows.csv").write_text(text)
    return first_chunk(str(folder / "rows.csv"), SubmitOptions(**{"keep": ["id"], **options}))


def answer(body: bytes, *, status: int = 200, **headers: str) -> ModelAnswer:
    given = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return ModelAnswer(status, tuple(given.items()), body, 0.1)


@pytest.mark.parametrize(
    ("options", "body", "rows"),
    [
        ({}, b"1,2\n3,4\n5,0\n", 3),
        ({"header": HeaderPolicy.REPEAT}, b"a,b\n1,2\n3,4\n5,0\n", 3),
        ({"chunk_rows": 2}, b"1,2\n3,4\n", 2),
        ({"keep": [], "send": ["b", "id"], "drop": ["a"]}, b"2,x\n4,y\n0,z\n", 3),
    ],
)
def test_the_model_gets_what_a_submit_sends_it_first(
    tmp_path: Path, options: dict[str, Any], body: bytes, rows: int
) -> None:
    found = sent(tmp_path, **options)
    assert (found.body, found.rows, found.rejected) == (body, rows, 0)


def test_rows_that_a_submit_rejects_are_not_sent(tmp_path: Path) -> None:
    found = sent(tmp_path, _FILE + "w,1\n")
    assert (found.rows, found.rejected) == (3, 1)
    with pytest.raises(InputError, match=r"no row of .* can be sent to the model: .*fields expected"):
        sent(tmp_path, "id,a,b\nw,1\n")
    with pytest.raises(InputError, match="holds a header only"):
        sent(tmp_path, "id,a,b\n")


@pytest.mark.parametrize(
    ("options", "body", "form", "columns"),
    [
        ({}, b"8\n18\n10\n", "csv", (("prediction", "number"),)),
        ({}, b"8,18,10\n", "csv", (("prediction", "number"),)),
        ({"accept": "application/json"}, b'{"predictions": [8, 18, 10]}', "json", (("prediction", "number"),)),
        ({"accept": "application/jsonlines"}, b"[8]\n[18]\n[10]\n", "jsonlines", (("prediction", "number"),)),
        (
            {"output_columns": ["label", "score"], "output_type": ColumnType.TEXT},
            b"a,0.1\nb,0.2\nc,0.3\n",
            "csv",
            (("label", "text"), ("score", "text")),
        ),
        ({"chunk_rows": 1}, b"8\n", None, (("prediction", "number"),)),
    ],
)
def test_an_aligned_answer_is_described_by_its_shape(
    tmp_path: Path, options: dict[str, Any], body: bytes, form: str | None, columns: tuple[tuple[str, str], ...]
) -> None:
    found = judge(answer(body), sent(tmp_path, **options))
    assert (found.aligned, found.format, found.columns) == (True, form, columns)
    assert found.then is None


def test_a_prediction_for_the_header_is_named(tmp_path: Path) -> None:
    found = judge(answer(b"nan\n8\n18\n10\n"), sent(tmp_path, header=HeaderPolicy.REPEAT))
    assert found.aligned
    assert "the prediction for the header is left out" in found.why


_SPLIT = "split the chunk"
_AGAIN = "try the chunk again"


@pytest.mark.parametrize(
    ("given", "why", "then", "hint"),
    [
        (answer(b"8\n18\n"), "3 rows were sent, the model answered 2", _SPLIT, "one line"),
        (answer(b"<html>no</html>"), "page of markup", _SPLIT, "one line"),
        (answer(b"8,1\n18,2\n10,3\n"), "prediction 0 has 2 fields", _SPLIT, "--output-columns"),
        (answer(b"a\nb\nc\n"), "may be an error's text", _SPLIT, "--output-type text"),
        (answer(b'{"error": "CUDA out of memory"}'), "the model answered an error", _SPLIT, "smaller chunks"),
        (answer(b"", status=200), "answered 0 predictions", _SPLIT, "one line"),
        (answer(b"could not convert string to float: 'x'", status=400), "error (400)", _SPLIT, "--drop"),
        (answer(b"Model is missing inputs ['a']", status=400), "error (400)", _SPLIT, "--header repeat"),
        (answer(b"Request Entity Too Large", status=413), "error (413)", _SPLIT, "--chunk-bytes"),
        (answer(b"no", status=415), "error (415)", _SPLIT, "--content-type"),
        (answer(b"no", status=404), "error (404)", _SPLIT, "POST /invocations"),
        (answer(b"Internal Server Error", status=500), "error (500)", _AGAIN, None),
        (answer(b"8\n18\n10\n", X_Trace="t" * 4096), "headers take", _AGAIN, None),
    ],
)
def test_an_answer_that_is_refused_says_why_and_what_would_follow(
    tmp_path: Path, given: ModelAnswer, why: str, then: str, hint: str | None
) -> None:
    found = judge(given, sent(tmp_path))
    assert not found.aligned
    assert why in found.why
    assert then in (found.then or "")
    assert len(found.hints) == (hint is not None), found.hints
    assert (hint or "") in "".join(found.hints)
    assert found.columns == ()


def test_an_answer_without_its_length_is_refused(tmp_path: Path) -> None:
    rows = sent(tmp_path)
    chunked = replace(answer(b"8\n18\n10\n"), headers=(("Transfer-Encoding", "chunked"),))
    found = judge(chunked, rows)
    assert not found.aligned
    assert "Content-Length" in found.why
    assert "park" in (found.then or "")
    assert ["Content-Length" in each for each in found.hints] == [True]
    assert judge(replace(chunked, headers=(("content-length", "8"),)), rows).aligned


def test_headers_of_4095_bytes_pass_and_one_more_does_not(tmp_path: Path) -> None:
    def judged(size: int) -> Verdict:
        given = answer(b"8\n18\n10\n")
        padding = size - given.headers_bytes - len("X: \r\n")
        padded = replace(given, headers=(*given.headers, ("X", "x" * padding)))
        assert padded.headers_bytes == size
        return judge(padded, sent(tmp_path))

    assert judged(4095).aligned
    assert not judged(4096).aligned
