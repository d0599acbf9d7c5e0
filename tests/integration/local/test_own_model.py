"""A model server of the user's own behind the pipeline's endpoint, from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tailrace import Tailrace
from tailrace_core.jobs.model import JobState
from tailrace_local.control.workspace import Workspace
from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud
from tests.fakes.misbehaving_model import HEADER, double
from tests.faults.deployed.cloud_driver import CloudDriver
from tests.faults.poison import MAX_EXTRA_RATIO, split_tree_nodes
from tests.misbehaviours import MISBEHAVIOURS, Misbehaviour
from tests.tools import skipped_without_tools

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

SERVER = Path(__file__).parents[1] / "own_model.py"
MISBEHAVING = Path(__file__).parents[2] / "fakes" / "misbehaving_model.py"
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

    def environment(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.tailrace("local", "env", "--json").stdout)
        return found

    def cloud(self) -> RunningCloud:
        facts = StateDirectory(self.state).read_facts()
        assert facts is not None
        return RunningCloud(facts)

    def client(self) -> Tailrace:
        cloud = self.cloud()
        return Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url)

    def scored(self, *options: str) -> list[str]:
        out = self.folder / "scored.csv"
        out.unlink(missing_ok=True)
        submit = ("submit", "rows.csv", "--stack", "tailrace", "--keep", "id", "--output", str(out), *options)
        self.tailrace(*submit, fails=False, **self.environment())
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
    shown = desk.tailrace("local", "invoke", "rows.csv", "--keep", "id").stdout
    assert "answer     9\nanswer     21\naligned    yes: 2 prediction(s) for 2 row(s): CSV of number\n" in shown
    refused = desk.tailrace("local", "invoke", "rows.csv", fails=True).stdout
    assert "status     500" in refused
    assert "first aid  The model got text where it expects a number" in refused
    (desk.folder / "offset.txt").write_text("100")
    desk.tailrace("local", "model", "restart")
    assert desk.scored() == ["id,prediction", "x,109", "y,121"]


def test_a_row_that_the_model_answers_with_500_is_rejected_and_the_others_are_scored(desk: Desk) -> None:
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    environment = desk.environment()
    source = desk.folder / "nan500.csv"
    source.write_text(NAN500)
    with desk.client() as client:
        # The command's three attempts wait for most of a minute.
        job_id = client.submit(str(source), keep="id", max_attempts=1).job_id
    scored = desk.tailrace("wait", job_id, "--stack", "tailrace", fails=True, **environment)
    assert scored.returncode == 3, scored.stderr
    desk.tailrace("download", job_id, "--stack", "tailrace", "--output", "nan.csv", fails=False, **environment)
    header, *rows = (desk.folder / "nan.csv").read_text().splitlines()
    assert header == "id,prediction"
    assert [(name, bool(value)) for name, _, value in (row.partition(",") for row in rows)] == [
        ("1", True),
        ("2", False),
        ("3", True),
    ]
    rejects = desk.tailrace("rejects", job_id, "--stack", "tailrace", fails=False, **environment).stdout
    assert "Input X contains NaN" in rejects


def test_a_job_that_does_not_wait_for_an_operator_fails_with_what_the_model_said(desk: Desk) -> None:
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    environment = desk.environment()
    (desk.folder / "nan.csv").write_text("id,a\n1,nan\n")
    failed = desk.tailrace(
        *("submit", "nan.csv", "--stack", "tailrace", "--keep", "id", "--wait", "--on-parked", "fail", "--json"),
        fails=True,
        **environment,
    )
    assert failed.returncode == 4, failed.stderr
    assert "need an operator" in json.loads(failed.stdout)["reason"]


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


@dataclass(frozen=True)
class Misbehaving:
    """The cloud with a model that misbehaves as each row says, and a job for each misbehaviour."""

    driver: CloudDriver
    jobs: dict[str, str]
    log: Path

    def requests(self, behaviour: str) -> int:
        """Return how many requests with the behaviour the model had."""
        return sum(line.startswith(f"{behaviour} ") for line in self.log.read_text().splitlines())


@pytest.fixture(scope="module")
def misbehaving(desk: Desk) -> Iterator[Misbehaving]:
    shutil.copy(MISBEHAVING, desk.folder / "serve.py")
    desk.tailrace("local", "up", "--model-command", f"{sys.executable} serve.py", "--model-data", "model")
    desk.tailrace("local", "model", "restart")
    with desk.client() as client:
        jobs = {name: _submitted(client, desk.folder, case) for name, case in MISBEHAVIOURS.items()}
        yield Misbehaving(CloudDriver(desk.cloud(), client), jobs, desk.folder / "requests.txt")


def _submitted(client: Tailrace, folder: Path, case: Misbehaviour) -> str:
    rows = "".join(f"{case.behaviour},{value}\n" for value in case.values)
    source = folder / "misbehaving.csv"
    source.write_text(f"{HEADER}\n{rows}")
    return client.submit(str(source), chunk_rows=case.chunk_rows, **case.options).job_id


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_misbehaving_server_has_the_right_outcome(misbehaving: Misbehaving, name: str) -> None:
    case, job_id, client = MISBEHAVIOURS[name], misbehaving.jobs[name], misbehaving.driver.client
    job = client.wait(job_id, timeout_s=150)

    if case.predicted is None:
        assert (job.state, job.rows_scored) == (JobState.FAILED, 0)
        assert case.said in (job.reason or "")
        assert all(case.said in each.reason for each in client.rejects(job_id))
    else:
        assert job.state is JobState.COMPLETED
        scored = BytesIO()
        client.download(job_id, scored)
        assert scored.getvalue().decode().splitlines()[1:] == case.expected
    if case.requests is not None:
        assert misbehaving.requests(case.behaviour) == case.requests


def test_an_error_for_every_request_ends_the_command_with_exit_code_4_and_the_models_words(
    desk: Desk, misbehaving: Misbehaving
) -> None:
    job_id = misbehaving.jobs["an error for every request"]
    failed = desk.tailrace("wait", job_id, "--stack", "tailrace", fails=True, **desk.environment())
    assert failed.returncode == 4
    assert "CUDA out of memory" in failed.stdout + failed.stderr


ROWS, RUN, CHUNK_ROWS = 10_000, 20, 500
BAD = [row for first in range(7, ROWS - RUN, ROWS * RUN // 300) for row in range(first, first + RUN)]
"""Three per cent of the rows, in runs, as where a sensor failed."""


def test_of_ten_thousand_rows_three_per_cent_bad_ones_cost_as_many_requests_as_the_split_trees_have_nodes(
    desk: Desk, misbehaving: Misbehaving
) -> None:
    bad = frozenset(BAD)
    values = ["NA" if row in bad else str(row) for row in range(ROWS)]
    rows = "".join(f"r{row},well,{value}\n" for row, value in enumerate(values))
    (desk.folder / "missing.csv").write_text(f"id,{HEADER}\n{rows}")

    submit = ("submit", "missing.csv", "--stack", "tailrace", "--keep", "id", "--chunk-rows", str(CHUNK_ROWS))
    done = desk.tailrace(*submit, "--output", "missing.out.csv", fails=True, **desk.environment())

    assert done.returncode == 3, done.stderr
    assert "--na NA" in done.stderr
    expected = [f"r{row}," + ("" if row in bad else double(value)) for row, value in enumerate(values)]
    assert (desk.folder / "missing.out.csv").read_text().splitlines()[1:] == expected
    job_id = done.stdout.split()[0]
    assert [each.row for each in misbehaving.driver.client.rejects(job_id)] == BAD
    # Each chunk that ever was, split or not, is a node.
    chunks = misbehaving.driver.chunks(job_id)
    requests = misbehaving.requests("well")
    nodes = sum(split_tree_nodes(BAD, first, CHUNK_ROWS) for first in range(0, ROWS, CHUNK_ROWS))
    print(f"{len(BAD)} bad rows in {ROWS}: {requests} requests, {len(chunks)} chunks, {nodes} nodes by halving alone")
    assert requests == len(chunks) == sum(each.attempt for each in chunks)
    assert requests <= MAX_EXTRA_RATIO * nodes
