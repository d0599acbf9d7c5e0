"""The functions' fault rules: one memory for all processes, the same choices at every run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config
from pydantic import ValidationError

from tailrace_local.cloud.functions.fault_injection.controller import FaultController
from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.cloud.functions.fault_injection.rules import FaultRules
from tailrace_local.cloud.functions.fault_injection.runtime import FaultInjector


def rules(tmp_path: Path, *made: dict[str, Any], seed: int = 0, function: str = "stack-CollectResults-1") -> FaultRules:
    return FaultRules(plan(tmp_path, *made, seed=seed), function)


def plan(tmp_path: Path, *made: dict[str, Any], seed: int = 0) -> Path:
    faults = FaultController(tmp_path, lambda: None)
    faults.set(FunctionFaultPlan.model_validate({"seed": seed, "rules": made}))
    return Path(faults.command("h.handle").arguments[2])


def hits(found: FaultRules, calls: int, *, when: str = "before") -> list[int]:
    """Which of so many calls of one event meet a fault."""
    return [number for number in range(1, calls + 1) if found.at_call(when, "s3.PutObject", number, "request")]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"number": 3}, [3]),
        ({"every": 4}, [4, 8]),
        ({"after": 7}, [8, 9, 10]),
        ({"limit": 2}, [1, 2]),
        ({"every": 3, "after": 1, "limit": 2}, [4, 7]),
        ({"call": "s3.*", "number": 1}, [1]),
        ({"call": "dynamodb.*"}, []),
        ({"function": "*CollectResults*", "number": 1}, [1]),
        ({"function": "*HandleFailures*"}, []),
    ],
)
def test_calls_are_chosen_by_place_name_and_function(tmp_path: Path, when: dict[str, Any], expected: list[int]) -> None:
    assert hits(rules(tmp_path, {"when": when, "do": {"kind": "unreachable"}}), 10) == expected


def test_a_share_is_the_same_at_every_run_of_a_seed(tmp_path: Path) -> None:
    rule = {"when": {"rate": 0.2}, "do": {"kind": "unreachable"}}
    runs = [hits(rules(tmp_path / str(run), rule, seed=seed), 300) for run, seed in enumerate((5, 5, 6))]
    assert runs[0] == runs[1] != runs[2]
    assert 30 < len(runs[0]) < 90


def test_faults_after_a_call_do_not_act_before_it(tmp_path: Path) -> None:
    found = rules(tmp_path, {"do": {"kind": "lose_reply"}})
    assert (hits(found, 2), hits(found, 2, when="after")) == ([], [1, 2])


def test_a_limit_holds_over_all_processes(tmp_path: Path) -> None:
    folder = plan(tmp_path, {"when": {"limit": 5}, "do": {"kind": "unreachable"}})
    script = (
        "import sys; from pathlib import Path\n"
        "from tailrace_local.cloud.functions.fault_injection.rules import FaultRules\n"
        "rules = FaultRules(Path(sys.argv[1]), 'f')\n"
        "print(sum(rules.at_call('before', 's3.PutObject', n, 'r') is not None for n in range(200)))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert sum(int(process.communicate(timeout=180)[0]) for process in processes) == 5


def test_faults_are_counted_and_stay_in_the_log_after_clearing(tmp_path: Path) -> None:
    changes: list[str] = []
    faults = FaultController(tmp_path, lambda: changes.append("workers start anew"))
    rule = {"name": "torn", "when": {"limit": 2}, "do": {"kind": "unreachable"}}
    faults.set(FunctionFaultPlan.model_validate({"rules": [rule]}))
    hits(FaultRules(Path(faults.command("h").arguments[2]), "f"), 5)
    faults.clear()
    assert faults.shown()["counts"] == {"total": 2, "by_kind": {"unreachable": 2}, "by_rule": {"torn": 2}}
    assert faults.command("h.handle").arguments == ["-m", "awslambdaric", "h.handle"]
    assert len(changes) == 2
    faults.set(FunctionFaultPlan.model_validate({"rules": [rule]}))
    assert faults.shown()["counts"]["total"] == 0


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"do": {"kind": "explode"}}, "explode"),
        ({"when": {"call": "s3.*"}, "do": {"kind": "kill_during"}}, "kill_during is about events"),
        ({"when": {"nummer": 1}, "do": {"kind": "unreachable"}}, "nummer"),
    ],
)
def test_a_plan_with_a_mistake_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FunctionFaultPlan.model_validate({"rules": [rule]})
    assert said in str(refused.value)


class Response:
    """A response of which botocore reads the status only."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def client(found: FaultRules) -> Any:
    """A client that nobody would answer, with the interruptions on its events."""
    interruptions = FaultInjector(found, exceptions, Response)
    made = boto3.client(
        "sqs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b",
        endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    made.meta.events.register("before-call", interruptions.before_call)
    made.meta.events.register("after-call", interruptions.after_call)
    return made


def test_a_refused_call_is_a_client_error_with_the_code_of_the_plan(tmp_path: Path) -> None:
    refuse = {"kind": "refuse", "code": "RequestThrottled", "message": "slower"}
    sqs = client(rules(tmp_path, {"when": {"call": "sqs.ListQueues"}, "do": refuse}))
    with pytest.raises(exceptions.ClientError) as refused:
        sqs.list_queues()
    assert refused.value.response["Error"] == {"Code": "RequestThrottled", "Message": "slower"}


def test_a_call_without_a_fault_goes_out(tmp_path: Path) -> None:
    sqs = client(rules(tmp_path, {"when": {"number": 2}, "do": {"kind": "refuse"}}))
    with pytest.raises(exceptions.EndpointConnectionError, match=r"127\.0\.0\.1:1"):
        sqs.list_queues()
    with pytest.raises(exceptions.ClientError):
        sqs.list_queues()


def test_the_calls_of_every_event_are_counted_from_one(tmp_path: Path) -> None:
    found = rules(tmp_path, {"when": {"number": 1}, "do": {"kind": "refuse"}})
    interruptions = FaultInjector(found, exceptions, Response)
    model = boto3.client("sqs", region_name="eu-west-1").meta.service_model.operation_model("ListQueues")

    def event(_client: Any, _handler: Any, _request_id: str) -> list[bool]:
        calls: list[Mapping[str, Any]] = [{}, {}]
        return [interruptions.before_call(model, call, {}) is not None for call in calls]

    handle = interruptions.around_event(event)
    assert [handle(None, None, "one"), handle(None, None, "two")] == [[True, False], [True, False]]
    log = [json.loads(line) for line in next(tmp_path.rglob("log.jsonl")).read_text().splitlines()]
    assert [(entry["request_id"], entry["call"], entry["number"]) for entry in log] == [
        ("one", "sqs.ListQueues", 1),
        ("two", "sqs.ListQueues", 1),
    ]
