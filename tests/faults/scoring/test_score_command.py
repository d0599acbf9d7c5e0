"""The command `tailrace score` over a real server: streams, files, exit codes, interruptions."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tailrace
from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tests.faults.dataset import Dataset
from tests.faults.scoring.server import FaultyModel, Misbehaviour, serving

DATA = Dataset.of(*(b"poison" if number == 7 else b"%d" % number for number in range(50)))
GOOD = Dataset.of(b"1", b"2", b"3")


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def url() -> Iterator[str]:
    with serving(FaultyModel("s")) as url:
        yield url


@pytest.fixture
def score(url: str, tmp_path: Path) -> Callable[..., Ran]:
    def ran(*arguments: str, stdin: bytes | None = None, data: Dataset = DATA) -> Ran:
        path = tmp_path / "rows.csv"
        path.write_bytes(data.text)
        out, err = io.BytesIO(), io.StringIO()
        given = None if stdin is None else io.BytesIO(stdin)
        environment = Environment(stdin=given, stdout=out, stderr=err)
        source = "-" if stdin is not None else str(path)
        code = run(("score", source, "--model-url", url, "--keep", "id", *arguments), environment)
        return Ran(code, out.getvalue(), err.getvalue())

    return ran


def test_the_result_goes_to_standard_output_in_order(score: Callable[..., Ran]) -> None:
    done = score("--chunk-rows", "9")
    assert (done.code, done.out) == (3, DATA.result)
    assert "completed_with_rejects: 49 of 50 rows scored, 1 rejected" in done.err
    assert "cannot parse a row (client error 400 from model)" in done.err
    assert "--rejects FILE" in done.err


def test_the_reasons_add_up_to_the_rejected_rows(score: Callable[..., Ran]) -> None:
    """Three kinds of reasons are shown, and the rows of the fourth are counted."""
    done = score(stdin=b'id,x\nr1,1\nr2\n\nr3,poison\nr4,poison\n"r5,5\n')
    lines = done.err.partition("why rows were rejected:\n")[2].splitlines()[:4]
    assert sum(int(line.split()[0]) for line in lines) == 5
    assert lines[3].endswith("1  for other reasons")


def test_standard_input_is_scored(score: Callable[..., Ran]) -> None:
    assert score(stdin=GOOD.text).out == GOOD.result
    assert score(stdin=gzip.compress(GOOD.text)).code == 0


def test_files_and_their_rejected_rows_are_written_whole(score: Callable[..., Ran], tmp_path: Path) -> None:
    output, rejects = tmp_path / "scored.csv.gz", tmp_path / "rejects.csv"
    done = score("--output", str(output), "--rejects", str(rejects), "--json")
    assert done.code == 3
    assert gzip.decompress(output.read_bytes()) == DATA.result
    lines = rejects.read_text().splitlines()
    assert (lines[0], lines[1].startswith('7,"'), lines[1].endswith(",r7,poison")) == ("row,reason,id,x", True, True)
    said = json.loads(done.out)
    assert said["state"] == "completed_with_rejects"
    assert (said["rows"], said["rows_scored"], said["rows_rejected"], said["output"]) == (50, 49, 1, str(output))
    assert names(tmp_path) == ["rejects.csv", "rows.csv", "scored.csv.gz"]


def test_json_goes_to_standard_error_beside_a_result_on_standard_output(score: Callable[..., Ran]) -> None:
    done = score("--json", "--quiet", data=GOOD)
    assert (done.code, done.out) == (0, GOOD.result)
    assert json.loads(done.err)["state"] == "completed"


def test_a_run_without_a_scored_row_fails_and_leaves_no_file(score: Callable[..., Ran], tmp_path: Path) -> None:
    bad = Dataset.of(*[b"poison"] * 5)
    done = score("--output", str(tmp_path / "scored.csv"), "--rejects", str(tmp_path / "r.csv"), "--json", data=bad)
    assert done.code == 4
    said = json.loads(done.out)
    assert (said["state"], said["rows_rejected"], said["output"]) == ("failed", 5, None)
    assert "no row was scored: all 5 rows were rejected" in said["reason"]
    assert names(tmp_path) == ["rows.csv"]


def test_a_run_past_its_deadline_ends_with_its_own_code(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(GOOD.text)
    out = io.BytesIO()
    faulty = FaultyModel("s", share=1.0, kinds=(Misbehaviour.THROTTLED,), faulty_attempts=10**9)
    with serving(faulty) as url:
        environment = Environment(stdout=out, stderr=io.StringIO())
        arguments = ("--deadline", "1s", "--output", str(tmp_path / "scored.csv"), "--json")
        assert run(("score", str(path), "--model-url", url, *arguments), environment) == 5
    assert json.loads(out.getvalue())["state"] == "expired"
    assert names(tmp_path) == ["rows.csv"]


def test_the_deadline_does_not_wait_for_a_request_under_way(tmp_path: Path) -> None:
    """The model answers nothing for minutes, and the run has three seconds."""
    path = tmp_path / "rows.csv"
    path.write_bytes(GOOD.text)
    silent = FaultyModel("s", share=1.0, kinds=(Misbehaviour.HANGS,), hang_s=300.0)
    started = time.monotonic()
    with serving(silent) as url:
        environment = Environment(stdout=io.BytesIO(), stderr=io.StringIO())
        assert run(("score", str(path), "--model-url", url, "--deadline", "3s"), environment) == 5
    assert silent.seen == {Misbehaviour.HANGS: 1}
    assert time.monotonic() - started < 150


def test_the_input_is_never_replaced(score: Callable[..., Ran], tmp_path: Path) -> None:
    assert score("--output", str(tmp_path / "rows.csv")).code == 2
    assert score("--output", "-", "--rejects", str(tmp_path / "rows.csv")).code == 2
    (tmp_path / "same.csv").write_bytes(DATA.text)
    assert score("--output", str(tmp_path / "same.csv"), stdin=DATA.text).code == 2
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "same.csv").read_bytes() == DATA.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--endpoint", "demand"), "either an endpoint"),
        (("--output", "scored.parquet"), "Parquet"),
        (("--output", "x.csv", "--rejects", "x.csv"), "two files"),
        (("--model-url", "ftp://127.0.0.1"), "not an address of http"),
        (("--model-url", "http://me:secret@127.0.0.1"), "neither a user and password"),
        (("--chunk-rows", "0"), "chunk"),
        (("--send", "nothing"), "nothing"),
    ],
    ids=str,
)
def test_wrong_usage_is_refused_before_anything_is_sent(
    score: Callable[..., Ran],
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    done = score(*arguments)
    assert done.code == 2
    assert said in done.err + capsys.readouterr().err
    assert "secret" not in done.err


def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    err = io.StringIO()
    path = tmp_path / "rows.csv"
    path.write_bytes(GOOD.text)
    environment = Environment(stdout=io.BytesIO(), stderr=err)
    assert run(("score", str(path), "--model-url", "http://127.0.0.1:1"), environment) == 1
    assert "http://127.0.0.1:1/ping does not answer" in err.getvalue()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_at_once_and_leaves_nothing_half_written(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    """The server answers no request for much longer than the command may take to end."""
    path, output = tmp_path / "rows.csv", tmp_path / "scored.csv"
    path.write_bytes(DATA.text)
    faulty = FaultyModel("s", share=1.0, kinds=(Misbehaviour.HANGS,), hang_s=300.0)
    with serving(faulty) as url:
        arguments = ["score", str(path), "--model-url", url, "--output", str(output), "--rejects", str(tmp_path / "r")]
        with subprocess.Popen(
            [sys.executable, "-c", "from tailrace.cli import main; main()", *arguments], stderr=subprocess.PIPE
        ) as process:
            until = time.monotonic() + 120
            while not faulty.seen and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(number)
            # A busy machine takes seconds to end a process, and the request takes minutes.
            assert process.wait(60) == code
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()
    assert names(tmp_path) == ["rows.csv"]


def test_python_scores_in_one_call(url: str, tmp_path: Path) -> None:
    output = tmp_path / "scored.csv"
    done = tailrace.score(DATA.text, model_url=url, output=output, keep="id")
    assert output.read_bytes() == DATA.result
    assert (done.rows, done.rows_scored, done.rows_rejected, done.target) == (50, 49, 1, str(output))
    with pytest.raises(tailrace.InputError, match="no option job_key"):
        tailrace.score(DATA.text, model_url=url, output=output, job_key="k")  # type: ignore[call-arg]
