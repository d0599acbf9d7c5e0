"""Up and down: every process that is started ends, whichever ends first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tailrace_local.cloud.settings import CloudSettings
from tailrace_local.control.launch import Launcher, is_up, settings_for
from tailrace_local.control.teardown import CLOUD, end_all
from tailrace_local.control.up_down import CloudOptions, LocalCloud, StepReporter
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import BuildError, LocalCloudError, StartError, StateDirectoryError
from tailrace_local.processes import ProcessGroup, ProcessRecord
from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.tools import skipped_without_tools

FUNCTIONS = Path(__file__).parent / "fixtures" / "app" / "template.yaml"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    found = StateDirectory(tmp_path / "state")
    found.create()
    yield found
    end_all(found, grace_s=1)


def sleeper(
    state: StateDirectory, *, program: str = "import time; time.sleep(600)", what: str = "sleeper"
) -> ProcessGroup:
    return ProcessGroup.start(
        [sys.executable, "-c", program],
        what=what,
        records=state.processes,
        environment={},
        cwd=state.root,
        output=subprocess.DEVNULL,
    )


def bare(state: StateDirectory) -> tuple[Launcher, CloudSettings]:
    with skipped_without_tools():
        settings = settings_for(
            Workspace.here(), state, region="eu-west-1", account_id="123456789012", enforce_iam=False
        )
    return Launcher(Workspace.here(), state), settings


def test_a_recorded_process_is_ended(state: StateDirectory) -> None:
    group = sleeper(state)
    assert end_all(state, grace_s=5) == 1
    assert not group.record.members()
    assert not group.running


def test_processes_that_the_cloud_itself_ends_count_too(state: StateDirectory) -> None:
    child = sleeper(state)
    ends_child = f"""
import os, signal, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: (os.kill({child.record.pid}, signal.SIGKILL), os._exit(0)))
Path("ready").touch()
time.sleep(600)
"""
    cloud = sleeper(state, program=ends_child, what=CLOUD)
    eventually((state.root / "ready").exists, what="the handler of SIGTERM")
    assert end_all(state, cloud_grace_s=5, grace_s=5) == 2
    assert not cloud.running
    assert not child.running


def test_a_process_that_ignores_sigterm_is_killed(state: StateDirectory) -> None:
    program = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "pathlib.Path('ready').touch(); time.sleep(600)"
    )
    group = sleeper(state, program=program)
    eventually((state.root / "ready").exists, what="the sleeper ignoring SIGTERM")
    end_all(state, grace_s=0.3)
    assert not group.record.members()
    assert not group.running


def test_children_of_a_leader_that_died_are_ended(state: StateDirectory) -> None:
    program = (
        "import subprocess, sys; "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "open('forked', 'w').close()"
    )
    group = sleeper(state, program=program)
    group.child.wait(180)
    assert group.record.members()
    end_all(state, grace_s=5)
    assert not group.record.members()


def test_a_stranger_that_got_the_pid_is_left_alone(state: StateDirectory) -> None:
    group = sleeper(state)
    for path in state.records():
        path.unlink()
    ProcessRecord(group.record.pid, group.record.pgid, time.time() - 3600, "long gone").write(state.processes)
    try:
        assert end_all(state, grace_s=0.3) == 0
        assert group.running
    finally:
        group.kill()


def test_a_folder_of_somebody_else_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    theirs = StateDirectory(tmp_path)
    with pytest.raises(StateDirectoryError, match="not empty"):
        theirs.create()
    theirs.remove()
    assert (tmp_path / "thesis.txt").exists()


def test_two_commands_do_not_work_on_one_state_at_once(state: StateDirectory) -> None:
    with (
        state.locked(),
        pytest.raises(StateDirectoryError, match="another `tailrace local` command"),
        StateDirectory(state.root).locked(),
    ):
        pass


@pytest.mark.cloud
def test_down_cleans_up_after_a_cloud_that_was_killed(state: StateDirectory) -> None:
    launcher, settings = bare(state)
    url = launcher.start(settings, timeout_s=180).endpoint_url
    with urllib.request.urlopen(f"{url}/_tailrace/status", timeout=30) as answer:  # noqa: S310 - our own http address
        assert answer.status == 200
    orphan = sleeper(state)
    (cloud,) = (record for record in state.records().values() if record.what == "cloud")
    os.killpg(cloud.pgid, signal.SIGKILL)
    eventually(lambda: not is_up(state), what="the death of the cloud")
    assert LocalCloud(Workspace.here(), state).down(lambda _: None) == 1
    launcher.reap()
    assert not orphan.record.members()
    assert not orphan.running
    assert not state.root.exists()


@pytest.mark.cloud
def test_a_cloud_ends_its_own_children_when_it_is_told_to_stop(state: StateDirectory) -> None:
    launcher, settings = bare(state)
    launcher.start(settings, timeout_s=180)
    (cloud,) = (record for record in state.records().values() if record.what == "cloud")
    end_all(state)
    launcher.reap()
    assert not psutil.pid_exists(cloud.pid)


STARTER = """
import sys, time
from pathlib import Path
from tailrace_local.control.launch import Launcher, settings_for
from tailrace_local.state_directory import StateDirectory
from tailrace_local.control.workspace import Workspace
workspace, state = Workspace.here(), StateDirectory(Path(sys.argv[1]))
settings = settings_for(workspace, state, region="eu-west-1", account_id="123456789012", enforce_iam=False)
print(Launcher(workspace, state, attached=sys.argv[2] == "attached").start(settings, timeout_s=180), flush=True)
time.sleep(600)
"""


@pytest.mark.cloud
def test_an_attached_cloud_ends_with_whoever_started_it_and_any_other_goes_on(
    state: StateDirectory, tmp_path: Path
) -> None:
    bare(state)
    other = StateDirectory(tmp_path / "other")
    other.create()
    try:
        starters = [started(state, "attached"), started(other, "detached")]
        for starter in starters:
            starter.kill()
            starter.communicate(timeout=180)
        (cloud,) = (record for record in state.records().values() if record.what == "cloud")
        eventually(lambda: not cloud.members(), what="the end of the attached cloud")
        assert "has ended" in state.cloud_log.read_text()
        assert is_up(other)
    finally:
        end_all(other)


def started(state: StateDirectory, how: str) -> subprocess.Popen[str]:
    """A process that has started a cloud."""
    command = [sys.executable, "-c", STARTER, str(state.root), how]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert "127.0.0.1" in starter.stdout.readline()
    return starter


def test_down_of_nothing_is_fine_twice(tmp_path: Path) -> None:
    local_cloud = LocalCloud(Workspace.here(), StateDirectory(tmp_path / "never"))
    assert [local_cloud.down(lambda _: None), local_cloud.down(lambda _: None)] == [0, 0]


@pytest.mark.cloud
def test_a_failed_up_leaves_nothing_behind(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    bare(state)
    broken = tmp_path / "template.yaml"
    broken.write_text("Resources: {Function: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: nowhere/}}}")
    before = {process.pid for process in psutil.process_iter() if _ours(process, state)}
    with pytest.raises(BuildError, match="sam build failed"):
        LocalCloud(Workspace.here(), state).up(CloudOptions(template=broken), StepReporter(contextlib.nullcontext))
    assert not state.root.exists()
    assert {process.pid for process in psutil.process_iter() if _ours(process, state)} == before == set()


@pytest.mark.cloud
def test_an_unknown_parameter_is_named_with_those_that_exist(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    bare(state)
    plan = CloudOptions(template=FUNCTIONS, parameters={"Greetings": "x"}, sagemaker=False)
    with pytest.raises(StartError, match=r"no parameter Greetings; its parameters are .*Greeting,"):
        LocalCloud(Workspace.here(), state).up(plan, StepReporter(contextlib.nullcontext))
    assert not state.root.exists()


@pytest.mark.cloud
def test_a_second_up_finds_the_first(cloud: RunningCloud) -> None:
    local_cloud = LocalCloud(Workspace.here(), StateDirectory(cloud.state_dir))
    assert local_cloud.up(CloudOptions(template=FUNCTIONS), StepReporter(contextlib.nullcontext)) == cloud.facts


def test_a_cloud_that_cannot_start_says_why(state: StateDirectory) -> None:
    launcher, settings = bare(state)
    nothing = CloudSettings(str(state.root), "eu-west-1", "123456789012", settings.lambda_python)
    with pytest.raises(LocalCloudError, match="did not answer within"):
        launcher.start(nothing, timeout_s=0.0)
    assert not state.records()


def _ours(process: psutil.Process, state: StateDirectory) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(str(state.root) in argument for argument in process.cmdline())
    return False
