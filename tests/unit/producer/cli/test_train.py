"""The commands ``tailrace train`` and ``leaderboard``: text, JSON, exit codes, and Ctrl-C."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tests.unit.producer.models.train.account import AutoMLAccount, candidate

DATA = "a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(600))
IN_PROGRESS = {"AutoMLJobStatus": "InProgress", "AutoMLJobSecondaryStatus": "TrainingModels"}


class Shell:
    """Runs command lines against an account; time passes by sleeping."""

    def __init__(self, account: AutoMLAccount, folder: Path) -> None:
        self.account = account
        self.file = str(folder / "sales.csv")
        Path(self.file).write_text(DATA)
        self.now = 0.0
        self.interrupted_after = float("inf")
        self.err = ""
        self.code = 0

    def run(self, *arguments: str) -> str:
        out, err = io.BytesIO(), io.StringIO()
        environment = Environment(
            reach=lambda _: self.account, stdout=out, stderr=err, clock=lambda: self.now, sleep=self.sleep
        )
        self.code = run(arguments, environment)
        self.err = err.getvalue()
        return out.getvalue().decode()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.interrupted_after:
            raise KeyboardInterrupt

    def train(self, *arguments: str) -> str:
        return self.run("train", self.file, "--target", "b", "--name", "sales", *arguments)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("AWS_ENDPOINT_URL", "TAILRACE_STACK", "TAILRACE_TRAINING_STACK"):
        monkeypatch.delenv(name, raising=False)
    account = AutoMLAccount()
    account.candidates = [candidate("small", 3.5, R2=0.25), candidate("best", 1.25, R2=0.75)]
    return Shell(account, tmp_path)


def test_without_wait_the_name_is_printed_and_how_to_look_again(shell: Shell) -> None:
    shell.account.steps = [IN_PROGRESS]
    assert shell.train("--region", "eu-west-1") == "sales\n"
    assert shell.code == 0
    assert "`tailrace leaderboard sales --wait --region eu-west-1`" in shell.err


def test_a_wait_tells_each_step_once_and_ends_with_the_best_and_its_command(shell: Shell) -> None:
    partly = {**IN_PROGRESS, "PartialFailureReasons": [{"PartialFailureMessage": "no report"}]}
    shell.account.steps = [IN_PROGRESS, IN_PROGRESS, partly, partly, {"AutoMLJobStatus": "Completed"}]
    told = shell.train("--wait", "--stack", "demand")
    assert shell.code == 0
    assert told.splitlines() == [
        "sales",
        "   candidate  RMSE  R2",
        "1  best       1.25  0.75",
        "2  small      3.5   0.25",
    ]
    assert shell.err.count("sales: InProgress, TrainingModels") == 1
    assert shell.err.count("sales: partly failed: no report") == 1
    assert shell.err.endswith("sam build && sam deploy --stack-name demand --parameter-overrides AutoMLJobName=sales\n")


def test_in_the_local_cloud_the_command_is_the_local_clouds(shell: Shell) -> None:
    shell.train("--wait", "--endpoint-url", "http://127.0.0.1:4566")
    assert shell.err.endswith("  tailrace local deploy --parameter AutoMLJobName=sales\n")


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ({"AutoMLJobStatus": "Completed"}, 0),
        ({"AutoMLJobStatus": "Failed", "FailureReason": "the data are odd"}, 4),
        ({"AutoMLJobStatus": "Stopped"}, 5),
    ],
)
def test_the_exit_code_and_json_tell_how_the_job_ended(shell: Shell, ended: dict[str, Any], code: int) -> None:
    shell.account.steps = [ended]
    found = json.loads(shell.train("--wait", "--json"))
    assert shell.code == code
    assert (found["job"], found["status"]) == ("sales", ended["AutoMLJobStatus"])
    assert found["failure_reason"] == ended.get("FailureReason")
    assert (found["deploy"] is not None) is (code == 0)
    shell.run("leaderboard", "sales")
    assert shell.code == code
    assert ended.get("FailureReason", "") in shell.err


def test_a_wait_has_an_end_and_the_job_goes_on(shell: Shell) -> None:
    shell.account.steps = [IN_PROGRESS]
    shell.train("--wait", "--timeout", "10m")
    assert (shell.code, shell.now) == (1, 600)
    assert "it goes on: `tailrace leaderboard sales --wait`" in shell.err
    assert "stop_auto_ml_job" not in shell.account.operations()


def test_ctrl_c_leaves_the_job_running_and_says_how_to_look_again(shell: Shell) -> None:
    shell.account.steps = [IN_PROGRESS]
    shell.interrupted_after = 30
    shell.train("--wait")
    assert shell.code == 130
    assert "the AutoML job goes on; see how far it is with `tailrace leaderboard sales --wait`" in shell.err
    assert "stop_auto_ml_job" not in shell.account.operations()


@pytest.mark.parametrize(
    "arguments",
    [("--problem", "regression"), ("--target", "c"), ("--name", "a b"), ("--candidates", "751"), ("--mode", "fast")],
)
def test_wrong_usage_exits_with_2_and_sends_nothing(shell: Shell, arguments: tuple[str, ...]) -> None:
    shell.train(*arguments)
    assert shell.code == 2
    assert not shell.account.jobs


def test_a_leaderboard_in_json_is_a_candidate_a_line(shell: Shell) -> None:
    shell.train()
    lines = [json.loads(line) for line in shell.run("leaderboard", "sales", "--json").splitlines()]
    assert lines[0] == {
        "rank": 1,
        "candidate": "best",
        "status": "Completed",
        "metric": "RMSE",
        "value": 1.25,
        "validation": {"R2": 0.75},
        "train": {},
        "containers": 1,
        "model_data_url": "s3://models/best.tar.gz",
    }
    assert [line["rank"] for line in lines] == [1, 2]


def test_a_job_without_candidates_says_so(shell: Shell) -> None:
    shell.account.candidates = []
    shell.account.steps = [IN_PROGRESS]
    shell.train()
    assert shell.run("leaderboard", "sales") == "no candidates yet\n"
    assert shell.code == 0
    shell.account.steps = [{"AutoMLJobStatus": "Failed", "FailureReason": "no"}]
    assert shell.run("leaderboard", "sales") == "no candidates\n"
    shell.run("leaderboard", "nope")
    assert shell.code == 2


def test_quiet_tells_the_name_alone(shell: Shell) -> None:
    shell.account.steps = [IN_PROGRESS]
    assert shell.train("--wait", "--timeout", "5s", "--quiet") == "sales\n"
    assert "InProgress, " not in shell.err
    assert shell.train("--quiet") == "sales\n"
    assert shell.err == ""
