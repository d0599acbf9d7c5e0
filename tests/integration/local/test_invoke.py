"""`tailrace local invoke` against a model server, without a deployed stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tailrace.cli.application import run
from tests.integration.local.hostile_cloud import Answer, hostile_cloud

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def invoke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Invoke:
    (tmp_path / "rows.csv").write_text("id,a,b\nx,1,2\ny,3,4\n")

    def invoked(answer: Answer, *options: str, instances: int = 1) -> tuple[int, str, str]:
        with hostile_cloud(tmp_path, answer=answer, instances=instances) as state:
            code = run(["local", "invoke", str(tmp_path / "rows.csv"), *options, "--state-dir", str(state.root)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return invoked


def sums(body: bytes) -> bytes:
    """Answer each row with the sum of its fields, as a model does."""
    return b"".join(b"%d\n" % sum(map(int, line.split(b","))) for line in body.splitlines())


def test_an_aligned_answer_is_shown_with_what_is_made_of_it(invoke: Invoke) -> None:
    code, out, err = invoke(sums, "--keep", "id")
    assert (code, err) == (0, "")
    sent, status, *rest = out.splitlines()
    assert sent.startswith("sent       2 row(s), 8 bytes of text/csv, to http://127.0.0.1:")
    assert status.startswith("status     200 after")
    assert "header     Content-Length: 4" in rest
    assert rest[-5:] == [
        "answer     3",
        "answer     7",
        "aligned    yes: 2 prediction(s) for 2 row(s): CSV of number",
        "format     csv",
        "column     prediction: number",
    ]


def test_machines_get_one_object(invoke: Invoke) -> None:
    code, out, _ = invoke(sums, "--send", "b", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["status"], found["rows_sent"], found["answer"], found["aligned"]) == (200, 2, "2\n4\n", True)
    assert found["columns"] == [{"name": "prediction", "type": "number"}]
    code, out, _ = invoke(lambda _: b"\xff\xfe", "--keep", "id", "--json")
    found = json.loads(out)
    assert (code, found["aligned"], found["answer_base64"]) == (1, False, "//4=")


def test_an_answer_that_lacks_a_line_exits_with_1_and_says_so(invoke: Invoke) -> None:
    code, out, _ = invoke(lambda body: sums(body).partition(b"\n")[0] + b"\n", "--keep", "id")
    assert code == 1
    assert "aligned    no: 2 rows were sent, the model answered 1 predictions" in out
    assert "then       Tailrace would split the chunk" in out
    assert "first aid  The model has to answer one line" in out


def test_a_model_that_gives_no_answer_and_an_endpoint_without_instances_are_named(invoke: Invoke) -> None:
    code, out, err = invoke(lambda _: None, "--keep", "id", "--timeout", "5")
    assert (code, out) == (1, "")
    assert "gave no complete answer" in err
    code, out, err = invoke(sums, "--keep", "id", instances=0)
    assert (code, out) == (1, "")
    assert "no instance is ready" in err


@pytest.mark.parametrize("options", [("--keep", "nope"), ("--content-type", "application/json"), ("--rows", "0")])
def test_options_that_a_submit_refuses_are_refused_before_anything_is_sent(
    invoke: Invoke, options: tuple[str, ...]
) -> None:
    def fail(_: bytes) -> bytes:
        raise AssertionError("a request was sent")

    code, out, err = invoke(fail, *options)
    assert (code, out) == (2, "")
    assert err
