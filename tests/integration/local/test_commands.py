"""`tailrace local`, as people and scripts call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailrace_local.testing import RunningCloud


def tailrace_local(*arguments: str, state_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tailrace_local", *arguments, "--state-dir", str(state_dir)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )


@pytest.mark.cloud
def test_up_of_a_running_cloud_prints_the_same_object(cloud: RunningCloud) -> None:
    done = tailrace_local("up", "--json", state_dir=cloud.state_dir)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert {"endpoint_url", "region", "stack", "endpoint_name", "model_url", "outputs"} <= found.keys()
    assert found["endpoint_url"] == cloud.endpoint_url


@pytest.mark.cloud
def test_status_tells_what_runs(cloud: RunningCloud) -> None:
    done = tailrace_local("status", "--json", state_dir=cloud.state_dir)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["up"]
    assert found["stack"]["status"].endswith("_COMPLETE")
    assert found["endpoint"]["status"] == "InService"
    assert {process["what"] for process in found["processes"]} >= {"cloud", "model-server"}
    assert {mapping["function"] for mapping in found["mappings"]} == {cloud.functions["CountWords"]}
    assert len(found["queues"]) == 4


@pytest.mark.cloud
def test_status_tells_the_depths_that_the_queues_api_tells(cloud: RunningCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="depths")["QueueUrl"]
    try:
        for delay_s in (0, 0, 0, 900):
            sqs.send_message(QueueUrl=url, MessageBody="word", DelaySeconds=delay_s)
        assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)["Messages"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        done = tailrace_local("status", "--json", state_dir=cloud.state_dir)
    finally:
        sqs.delete_queue(QueueUrl=url)
    (told,) = [queue for queue in json.loads(done.stdout)["queues"] if queue["name"] == "depths"]
    assert told == {"name": "depths", "visible": 2, "in_flight": 1, "delayed": 1}
    suffixes = {"visible": "", "in_flight": "NotVisible", "delayed": "Delayed"}
    told_by_the_api = {
        name: int(attributes[f"ApproximateNumberOfMessages{suffix}"]) for name, suffix in suffixes.items()
    }
    assert told_by_the_api.items() <= told.items()


@pytest.mark.cloud
def test_env_is_what_a_shell_needs_to_reach_the_cloud(cloud: RunningCloud) -> None:
    done = tailrace_local("env", state_dir=cloud.state_dir)
    script = f'{done.stdout}\necho "$AWS_ENDPOINT_URL $AWS_REGION ${{AWS_PROFILE-none}}"'
    shell = subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, check=True, timeout=180, env={"AWS_PROFILE": "work"}
    )
    assert shell.stdout.split() == [cloud.endpoint_url, cloud.region, "none"]


@pytest.mark.cloud
def test_logs_are_found_by_the_logical_id(cloud: RunningCloud) -> None:
    cloud.client("lambda").invoke(FunctionName=cloud.functions["Tick"], Payload='{"raise": "found by its id"}')
    done = tailrace_local("logs", "Tick", state_dir=cloud.state_dir)
    assert "found by its id" in done.stdout
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"Tick"}


@pytest.mark.parametrize("command", [["status"], ["env"]])
def test_without_a_cloud_the_exit_status_is_one(command: list[str], tmp_path: Path) -> None:
    assert tailrace_local(*command, state_dir=tmp_path / "none").returncode == 1


def test_a_command_does_not_import_what_only_others_need(tmp_path: Path) -> None:
    # A third of a second of CPU, and seconds on a machine that a job keeps busy.
    script = (
        "import sys; from tailrace.cli.application import run; code = run(sys.argv[1:]); "
        "print(code, sorted({'boto3', 'numpy', 'tailrace.client.sync_client'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "local", "status", "--state-dir", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "1 []"


def test_env_without_a_cloud_says_what_to_do(tmp_path: Path) -> None:
    done = tailrace_local("env", state_dir=tmp_path / "none")
    assert "run `tailrace local up`" in done.stderr
    assert done.stdout == ""


def test_down_without_a_cloud_is_fine(tmp_path: Path) -> None:
    assert tailrace_local("down", state_dir=tmp_path / "none").returncode == 0
