"""A model server of the user's own behind the pipeline's endpoint, from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

pytestmark = pytest.mark.cloud

SERVER = Path(__file__).parents[1] / "own_model.py"
NAN500 = "id,a,b,c,d\n1,5.1,3.5,1.4,0.2\n2,nan,3.0,1.4,0.2\n3,4.7,3.2,1.3,0.2\n"
"""Three rows in one chunk, of which the model answers every request with the second with 500."""
TAILRACE = Path(sys.executable).with_name("tailrace")


@dataclass(frozen=True)
class Desk:
    """A user's folder, with a state directory beside it."""

    folder: Path
    state: Path

    def tailrace(self, *arguments: str, fails: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TAILRACE, *arguments],
            cwd=self.folder,
            env={**os.environ, "TAILRACE_LOCAL_STATE": str(self.state), **environment},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr
        return done

    def scored(self, *options: str) -> list[str]:
        environment = json.loads(self.tailrace("local", "env", "--json").stdout)
        out = self.folder / "scored.csv"
        out.unlink(missing_ok=True)
        submit = ("submit", "rows.csv", "--stack", "tailrace", "--keep", "id", "--output", str(out), *options)
        self.tailrace(*submit, **environment)
        return out.read_text().splitlines()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with skipped_without_tools():
        Workspace.here().tool("cloud")
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(SERVER, folder / "serve.py")
    (folder / "model").mkdir()
    (folder / "model" / "weight.txt").write_text("3\n")
    (folder / "rows.csv").write_text("id,a,b\nx,1,2\ny,3,4\n")
    made = Desk(folder, tmp_path_factory.mktemp("own") / "state")
    yield made
    made.tailrace("local", "down")


def test_a_server_that_crashes_ends_up_with_its_last_words(desk: Desk) -> None:
    command = f"{sys.executable} serve.py"
    failed = desk.tailrace("local", "up", "--model-command", command, "--model-env", "WRONG=crash", fails=True)
    assert "cannot load the model: the file is from another version" in failed.stderr
    assert "ended with status 1" in failed.stderr


def test_two_commands_score_a_file_with_ones_own_model_and_a_third_takes_changed_code_over(desk: Desk) -> None:
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    assert desk.scored() == ["id,prediction", "x,9", "y,21"]
    (desk.folder / "offset.txt").write_text("100")
    desk.tailrace("local", "model", "restart")
    assert desk.scored() == ["id,prediction", "x,109", "y,121"]


def test_a_row_that_the_model_answers_with_500_is_rejected_and_the_others_are_scored(desk: Desk) -> None:
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    environment = json.loads(desk.tailrace("local", "env", "--json").stdout)
    (desk.folder / "nan500.csv").write_text(NAN500)
    submit = ("submit", "nan500.csv", "--stack", "tailrace", "--keep", "id")
    scored = desk.tailrace(*submit, "--output", "nan.csv", fails=True, **environment)
    assert scored.returncode == 3, scored.stderr
    header, *rows = (desk.folder / "nan.csv").read_text().splitlines()
    assert header == "id,prediction"
    assert [(name, bool(value)) for name, _, value in (row.partition(",") for row in rows)] == [
        ("1", True),
        ("2", False),
        ("3", True),
    ]
    rejects = desk.tailrace("rejects", scored.stdout.split()[0], "--stack", "tailrace", **environment).stdout
    assert "Input X contains NaN" in rejects


def test_a_job_that_does_not_wait_for_an_operator_fails_with_what_the_model_said(desk: Desk) -> None:
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    environment = json.loads(desk.tailrace("local", "env", "--json").stdout)
    (desk.folder / "nan.csv").write_text("id,a\n1,nan\n")
    failed = desk.tailrace(
        *("submit", "nan.csv", "--stack", "tailrace", "--keep", "id", "--wait", "--on-parked", "fail", "--json"),
        fails=True,
        **environment,
    )
    assert failed.returncode == 4, failed.stderr
    assert "need an operator" in json.loads(failed.stdout)["reason"]


def test_a_server_that_answers_in_reverse_order_is_found_out_by_canaries_only(desk: Desk) -> None:
    (desk.folder / "offset.txt").write_text("0")
    (desk.folder / "reversed.txt").touch()
    (desk.folder / "rows.csv").write_text("id,a,b\n" + "".join(f"r{row},{row},0\n" for row in range(6)))
    desk.tailrace("local", "model", "restart")

    right = ["id,prediction", *(f"r{row},{3 * row}" for row in range(6))]
    assert desk.scored("--canaries", "2") == right
    assert desk.scored() == ["id,prediction", *(f"r{row},{3 * (5 - row)}" for row in range(6))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model-command", "no-such-program serve.py"], "there is no program 'no-such-program'"),
        (["--model-command", "'unclosed"], "cannot be read"),
        (["--model-data", "model"], "name the command that serves"),
        (["--model-command", f"{sys.executable} serve.py", "--model-env", "K"], "write NAME=VALUE"),
        (["--image", "nothing"], "write NAME=VALUE"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_starts(
    desk: Desk, tmp_path: Path, arguments: list[str], message: str
) -> None:
    other = Desk(desk.folder, tmp_path / "other")
    refused = other.tailrace("local", "up", *arguments, fails=True)
    assert message in refused.stderr
    assert not other.state.exists()
