"""State machines of a deployed stack: tasks by the cloud's functions, Distributed Maps, and ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.testing import RunningCloud
from tests.integration.local.executions import Machine, received
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud
ENDLESS = [{"sleep_s": 50}] * 3
"""Items that last longer than anything that a test does meanwhile."""


@pytest.fixture(scope="module")
def machine(cloud: RunningCloud) -> Machine:
    return Machine(cloud)


def ends_of(arn: str) -> Any:
    return lambda event: event["source"] == "aws.states" and event["detail"]["executionArn"] == arn


def test_each_item_is_a_child_execution_with_its_own_context(machine: Machine) -> None:
    done = machine.run("items", [{"number": number} for number in range(8)], at_once=3)
    assert done["status"] == "SUCCEEDED", done
    results = json.loads(done["output"])
    assert [result["item"]["number"] for result in results] == list(range(8))
    assert {result["parent"] for result in results} == {"items"}
    assert len({result["child"] for result in results}) == 8
    run = machine.map_run(done["executionArn"]) or {}
    assert (run["status"], run["maxConcurrency"], run["toleratedFailurePercentage"]) == ("SUCCEEDED", 3, 0.0)
    assert run["itemCounts"] == run["executionCounts"]
    assert {name: count for name, count in run["itemCounts"].items() if count} == {"total": 8, "succeeded": 8}


def test_no_more_functions_run_at_once_than_the_map_allows(machine: Machine) -> None:
    # The first three wait for each other.
    done = machine.run("at-once", [{"meet": ["at-once", 3]}] * 9, at_once=3)
    worked = [result["worked"] for result in json.loads(done["output"])]
    at_once = [sum(first <= moment < last for first, last in worked) for moment, _ in worked]
    assert max(at_once) == 3


def test_an_item_is_retried_and_then_caught(machine: Machine) -> None:
    done = machine.run("retries", [{"fails": 1}, {"fails": 9}])
    first, second = json.loads(done["output"])
    assert (first["retries"], second) == (1, {"gave_up": True})


def test_an_item_that_fails_fails_the_map_with_an_error_of_the_map(machine: Machine) -> None:
    done = machine.run("fails", [{"invalid": "no such row"}])
    assert (done["status"], done["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    run = machine.map_run(done["executionArn"]) or {}
    (child,) = machine.client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    failed = machine.client.describe_execution(executionArn=child["executionArn"])
    assert (failed["status"], failed["error"]) == ("FAILED", "ValueError")
    assert json.loads(failed["cause"])["errorMessage"] == "no such row"
    (event,) = received(machine.cloud, ends_of(done["executionArn"]))
    assert (event["detail"]["status"], event["detail"]["name"]) == ("FAILED", "fails")


def test_a_failure_beyond_the_threshold_begins_no_further_item(machine: Machine) -> None:
    done = machine.run("stops", [{"invalid": "row 1"}, *([{"sleep_s": 0.1}] * 20)], at_once=1)
    counts = (machine.map_run(done["executionArn"]) or {})["itemCounts"]
    assert (done["status"], counts["failed"], counts["aborted"], counts["succeeded"]) == ("FAILED", 1, 20, 0)


def test_a_result_above_the_quota_cannot_be_caught(machine: Machine) -> None:
    done = machine.run("large", [{"bytes": 140_000}, {"bytes": 140_000}])
    assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_repeated_start_returns_the_running_execution_and_never_a_second_one(machine: Machine) -> None:
    key = machine.put("named", ENDLESS[:1])
    arn = machine.start("named", key)
    assert machine.start("named", key) == arn
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        machine.start("named", key, at_once=5)
    machine.client.stop_execution(executionArn=arn)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        machine.start("named", key)


def test_a_name_that_is_none_is_refused(machine: Machine) -> None:
    with pytest.raises(ClientError, match="InvalidName"):
        machine.start("a name", "lists/none.jsonl")


def test_a_stopped_execution_ends_once_and_begins_nothing_more(machine: Machine) -> None:
    arn = machine.start("stopped", machine.put("stopped", ENDLESS), at_once=1)

    def running() -> bool:
        run = machine.map_run(arn)
        return bool(run and run["itemCounts"]["running"])

    eventually(running, what="the first item")
    machine.client.stop_execution(executionArn=arn, error="Cancelled", cause="by the test")

    def aborted() -> Mapping[str, Any] | None:
        run = machine.map_run(arn) or {}
        return run if run["status"] != "RUNNING" else None

    run = eventually(aborted, what="the end of the map run") or {}
    assert (run["status"], run["itemCounts"]["aborted"], run["itemCounts"]["running"]) == ("ABORTED", 3, 0)
    assert machine.ended(arn)["status"] == "ABORTED"
    (event,) = received(machine.cloud, ends_of(arn))
    assert (event["detail"]["status"], event["detail-type"]) == ("ABORTED", "Step Functions Execution Status Change")


def test_an_execution_that_takes_too_long_times_out(machine: Machine) -> None:
    steps = machine.client
    found = steps.describe_state_machine(stateMachineArn=machine.cloud.outputs["StateMachine"])
    definition = json.dumps({**json.loads(found["definition"]), "TimeoutSeconds": 1})
    made = steps.create_state_machine(name="hasty", definition=definition, roleArn=found["roleArn"])
    given = json.dumps({"key": machine.put("hasty", ENDLESS), "at_once": 3})
    arn = steps.start_execution(stateMachineArn=made["stateMachineArn"], name="hasty", input=given)["executionArn"]
    assert machine.ended(arn)["status"] == "TIMED_OUT"


def test_a_list_that_is_not_there_fails_the_map(machine: Machine) -> None:
    done = machine.ended(machine.start("nothing", "lists/nothing.jsonl"))
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "lists/nothing.jsonl" in done["cause"]
