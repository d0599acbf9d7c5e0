from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tailrace_local.cloud.ministack.step_functions.map_runs import MapRun

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:cutting"


def execution() -> dict[str, Any]:
    return {"stateMachineArn": MACHINE, "executionArn": "e", "status": "RUNNING", "events": [{"id": 1}]}


def map_run(total: int, **limits: float) -> MapRun:
    names = ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")
    return MapRun({name: limits.get(name) for name in names}, {"Label": "Cut"}, execution(), total, lambda: "now")


def failing(run: MapRun, failures: int) -> Callable[[int], None]:
    """Return work that fails for the first items."""

    def work(index: int) -> None:
        if run.begin(index):
            run.started(index, run.child({"index": index}))
            if index < failures:
                run.failed(index, "ValueError", "no such row")
            else:
                run.succeeded(index, index)

    return work


@pytest.mark.parametrize(
    ("limits", "failures", "status"),
    [
        ({}, 0, "SUCCEEDED"),
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 20}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 0}, 1, "FAILED"),
        ({"ToleratedFailureCount": 0}, 1, "FAILED"),
    ],
)
def test_a_run_tolerates_as_many_failures_as_it_says(limits: dict[str, float], failures: int, status: str) -> None:
    run = map_run(10, MaxConcurrency=1, **limits)
    run.work_off(failing(run, failures))
    counts = run.record["executionCounts"]
    assert (run.record["status"], counts["failed"]) == (status, failures)
    assert counts["succeeded"] == (10 - failures if status == "SUCCEEDED" else 0)
    assert sum(count for name, count in counts.items() if name != "total") == counts["total"] == 10


def test_a_child_that_ends_after_its_run_changes_nothing() -> None:
    run = map_run(2)
    first, late = run.child({}), run.child({})
    for index, child in enumerate((first, late)):
        assert run.begin(index)
        run.started(index, child)
    run.failed(0, "ValueError", "no such row")
    run.succeeded(1, "late")
    assert (first["status"], late["status"], run.results) == ("FAILED", "ABORTED", [None, None])
    assert (run.record["status"], run.record["executionCounts"]["aborted"]) == ("FAILED", 1)
    assert not run.begin(2)


def test_a_run_without_items_succeeds() -> None:
    run = map_run(0)
    run.work_off(failing(run, 0))
    assert (run.record["status"], run.results) == ("SUCCEEDED", [])


def test_names_are_those_of_the_machine_and_the_label() -> None:
    run = map_run(1)
    assert run.arn.startswith("arn:aws:states:eu-west-1:123456789012:mapRun:cutting/Cut:")
    child = run.child({"a": 1})
    assert child["stateMachineArn"] == f"{MACHINE}/Cut"
    assert child["executionArn"].startswith("arn:aws:states:eu-west-1:123456789012:execution:cutting/Cut:")
    assert (child["input"], child["mapRunArn"]) == ('{"a": 1}', run.arn)
