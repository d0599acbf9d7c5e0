"""The functions of a job.

`sam build`'s artifacts, in processes of their own, with the template's roles.
"""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import boto3
import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.command import submit
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

pytestmark = pytest.mark.cloud

BUILT = Path(__file__).parents[3] / "consumers"
FUNCTIONS = {
    "CollectResults": "collect_results",
    "HandleFailures": "handle_failures",
}


@pytest.fixture
def environments(cloud: RunningCloud, tmp_path: Path) -> dict[str, dict[str, str]]:
    """Processes' environments by logical id, after a job that needs both functions."""
    bad = [["1062", "Beverages", "x", "110", "cheap", "0", "0", "2018-01-01"]]
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(demand_rows(20) + bad))
    assert submit(cloud, source, "--wait").code == 3
    found = {}
    for record in (cloud.state_dir / "processes").glob("*.json"):
        pid = json.loads(record.read_text())["pid"]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        except FileNotFoundError:
            continue  # it was reaped meanwhile
        if "awslambdaric" in command:
            environment = dict(entry.split("=", 1) for entry in entries if "=" in entry)
            names = {name: logical_id for logical_id, name in cloud.functions.items()}
            found[names[environment["AWS_LAMBDA_FUNCTION_NAME"]]] = environment
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_runs_the_built_artifact_under_its_own_role(
    cloud: RunningCloud, environments: dict[str, dict[str, str]], function: str
) -> None:
    environment = environments[function]

    artifact = Path(environment["LAMBDA_TASK_ROOT"])
    assert environment["_HANDLER"] == f"tailrace_consumers.{FUNCTIONS[function]}.handler.handler"
    folder = artifact / "tailrace_consumers"
    assert {entry.name for entry in folder.iterdir() if entry.is_dir() and (entry / "handler.py").exists()} == {
        FUNCTIONS[function]
    }
    for name in ("handler.py", "service.py"):
        source = BUILT / "tailrace_consumers" / FUNCTIONS[function] / name
        assert filecmp.cmp(folder / FUNCTIONS[function] / name, source, shallow=False)
    assert not (artifact / "boto3").exists()

    caller = boto3.client(
        "sts",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    ).get_caller_identity()["Arn"]
    role = cloud.client("lambda").get_function_configuration(FunctionName=cloud.functions[function])["Role"]
    declared = cloud.client("cloudformation").describe_stack_resource(
        StackName=cloud.facts.stack, LogicalResourceId=f"{function}Role"
    )["StackResourceDetail"]["PhysicalResourceId"]
    assert role.endswith(f"/{declared}")
    assert f":assumed-role/{declared}/" in caller
