"""Injected faults of functions, as their callers and their queues see them."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.errors import FaultPlanError
from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud


@pytest.fixture
def admin(cloud: RunningCloud) -> Iterator[FaultAdmin]:
    made = FaultAdmin(cloud.own_url, cloud.token)
    yield made
    made.clear()


def plan(admin: FaultAdmin, *rules: dict[str, Any]) -> None:
    admin.set(CloudFaultPlan.read(json.dumps({"seed": 1, "functions": {"rules": rules}})))


def tick(cloud: RunningCloud, **event: Any) -> tuple[str | None, Any]:
    answer = cloud.client("lambda").invoke(FunctionName=cloud.functions["Tick"], Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def seen(cloud: RunningCloud, word: str) -> int:
    """Return how often a word was counted."""
    found = cloud.client("dynamodb").get_item(TableName=cloud.outputs["TableName"], Key={"word": {"S": word}})
    return int(found.get("Item", {}).get("seen", {}).get("N", 0))


def word() -> str:
    return f"word-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize(("kind", "effects"), [("kill_before", 0), ("kill_after", 1)])
def test_a_function_is_killed_on_the_chosen_side_of_a_call(
    cloud: RunningCloud, admin: FaultAdmin, kind: str, effects: int
) -> None:
    plan(admin, {"when": {"function": "*Tick*", "call": "dynamodb.UpdateItem"}, "do": {"kind": kind}})
    counted = word()
    error, answer = tick(cloud, word=counted)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "exited with status -9" in answer["errorMessage"]
    assert seen(cloud, counted) == effects
    admin.clear()
    assert tick(cloud, word=counted)[0] is None
    assert seen(cloud, counted) == effects + 1


@pytest.mark.parametrize(
    ("do", "error_type", "effects"),
    [
        ({"kind": "unreachable"}, "EndpointConnectionError", 0),
        ({"kind": "lose_reply"}, "ReadTimeoutError", 1),
        ({"kind": "refuse", "code": "ProvisionedThroughputExceededException"}, "ProvisionedThroughputExceeded", 0),
    ],
)
def test_a_call_fails_before_or_after_its_effect(
    cloud: RunningCloud, admin: FaultAdmin, do: dict[str, Any], error_type: str, effects: int
) -> None:
    plan(admin, {"when": {"function": "*Tick*", "number": 1}, "do": do})
    counted = word()
    error, answer = tick(cloud, word=counted)
    assert error == "Unhandled"
    assert answer["errorType"].startswith(error_type)
    assert seen(cloud, counted) == effects


def test_the_second_call_of_an_event_can_be_chosen(cloud: RunningCloud, admin: FaultAdmin) -> None:
    plan(admin, {"when": {"function": "*Tick*", "number": 2}, "do": {"kind": "unreachable"}})
    counted = word()
    assert tick(cloud)[0] is None
    assert tick(cloud, word=counted)[1]["errorType"] == "EndpointConnectionError"
    assert seen(cloud, counted) == 1
    (entry,) = admin.log()["functions"]
    assert (entry["call"], entry["number"], entry["function"]) == ("sts.GetCallerIdentity", 2, cloud.functions["Tick"])


def test_a_function_is_killed_while_it_works(cloud: RunningCloud, admin: FaultAdmin) -> None:
    plan(admin, {"do": {"kind": "kill_during", "from_s": 0.1, "to_s": 0.5}})
    assert tick(cloud, sleep_s=15)[1]["errorType"] == "Runtime.ExitError"
    admin.clear()
    assert tick(cloud, sleep_s=0.6)[0] is None


def test_a_message_whose_function_was_killed_comes_again(cloud: RunningCloud, admin: FaultAdmin) -> None:
    plan(admin, {"when": {"function": "*CountWords*", "limit": 1}, "do": {"kind": "kill_after"}})
    counted = word()
    cloud.client("sqs").send_message(QueueUrl=cloud.outputs["QueueUrl"], MessageBody=counted)
    eventually(lambda: seen(cloud, counted) >= 2, what="the second count")


def test_workers_of_a_cloud_without_a_plan_run_the_runtime_client_alone(cloud: RunningCloud, admin: FaultAdmin) -> None:
    plan(admin, {"when": {"function": "nobody"}, "do": {"kind": "unreachable"}})
    misled = tick(cloud)[1]
    admin.clear()
    plain = tick(cloud)[1]
    assert misled["pid"] != plain["pid"]
    assert misled["variables"] == plain["variables"]
    assert b"awslambdaric" in Path(f"/proc/{plain['pid']}/cmdline").read_bytes()


def test_the_command_sets_shows_and_clears(cloud: RunningCloud, admin: FaultAdmin, tmp_path: Path) -> None:
    made = tmp_path / "plan.json"
    made.write_text(
        '{"seed": 7, "sagemaker": {"rules": [{"name": "lost", "do": {"kind": "lose"}}]},'
        ' "functions": {"rules": [{"name": "torn", "when": {"number": 1}, "do": {"kind": "unreachable"}}]}}'
    )
    shown = command(cloud, "set", str(made))
    assert (shown["sagemaker"]["plan"]["seed"], shown["functions"]["plan"]["seed"]) == (7, 7)
    tick(cloud)
    assert command(cloud, "show")["functions"]["counts"]["by_rule"]["torn"] >= 1
    cleared = command(cloud, "clear")
    assert [cleared[section]["plan"]["rules"] for section in ("sagemaker", "functions")] == [[], []]
    assert cleared["functions"]["counts"]["total"] >= 1
    assert tick(cloud)[0] is None
    assert admin.show() == cleared


def command(cloud: RunningCloud, *arguments: str) -> Any:
    call = [sys.executable, "-m", "tailrace_local", "faults", *arguments, "--json", "--state-dir", str(cloud.state_dir)]
    return json.loads(subprocess.run(call, capture_output=True, check=True, timeout=180).stdout)


def test_a_wrong_plan_changes_nothing(admin: FaultAdmin) -> None:
    plan(admin, {"name": "kept", "do": {"kind": "unreachable"}})
    with pytest.raises(FaultPlanError, match="kill_during is about events"):
        plan(admin, {"when": {"number": 1}, "do": {"kind": "kill_during"}})
    with pytest.raises(FaultPlanError, match="break_body is about objects"):
        plan(admin, {"when": {"call": "s3.*"}, "do": {"kind": "break_body"}})
    assert [rule["name"] for rule in admin.show()["functions"]["plan"]["rules"]] == ["kept"]


def test_a_killed_model_server_is_started_again(cloud: RunningCloud, admin: FaultAdmin) -> None:
    name = cloud.outputs["EndpointName"]
    s3, bucket = cloud.client("s3"), cloud.outputs["Bucket"]
    row = b"1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n"
    s3.put_object(Bucket=bucket, Key="killed.csv", Body=row)

    def servers() -> set[str | None]:
        records = StateDirectory(cloud.state_dir).records().values()
        return {record.url for record in records if record.what == "model-server"}

    before = servers()
    assert admin.kill_model(name)
    eventually(lambda: (found := servers()) and not found & before, what="another model server")
    answer = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{bucket}/killed.csv", ContentType="text/csv"
    )
    key = answer["OutputLocation"].removeprefix(f"s3://{bucket}/")

    def stored() -> bool:
        return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))

    eventually(stored, what="the output of the server that came back")
