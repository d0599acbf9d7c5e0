"""Looks at the executions of remote jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tailrace.operations.cutting import CuttingLook
from tailrace.progress import CuttingProgress
from tailrace.progress.cutting import Cutting, Phase, cutting_text
from tailrace.progress.text import describe, share
from tailrace.submit.remote_submit import CuttingPatience, counted, counting
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import (
    AccessDeniedError,
    ContractError,
    InputError,
    NotFoundError,
    PermanentError,
    TailraceError,
    TimedOutError,
)

MACHINE = "arn:aws:states:eu-west-1:1:stateMachine:m"


class Executions:
    """The states of a job's executions, and of the maps of the one that runs."""

    def __init__(self, states: list[str], maps: Mapping[str, str] | None = None) -> None:
        self.states = states
        self.maps = dict(maps or {})
        self.calls: list[str] = []

    def __call__(self, call: Call) -> Any:
        self.calls.append(call.operation)
        if call.operation == "describe_execution":
            name = call.params["executionArn"].removeprefix("arn:aws:states:eu-west-1:1:execution:m:J")
            number = int(name.removeprefix("-") or 1)
            if number > len(self.states):
                raise NotFoundError("ExecutionDoesNotExist")
            return {"executionArn": call.params["executionArn"], "status": self.states[number - 1]}
        if call.operation == "stop_execution":
            assert call.params["executionArn"].endswith(f"J-{len(self.states)}" if len(self.states) > 1 else "J")
            self.states[-1] = "ABORTED"
            return {}
        if call.operation == "list_map_runs":
            return {"mapRuns": [{"mapRunArn": f"arn:aws:states:eu-west-1:1:mapRun:m/{name}:i"} for name in self.maps]}
        label = call.params["mapRunArn"].rpartition("/")[2].partition(":")[0]
        return {"status": self.maps[label], "itemCounts": {"succeeded": 3, "total": 8}}


@pytest.mark.parametrize(
    ("maps", "phase", "stripes"),
    [
        ({}, Phase.LIST, (None, None)),
        ({"Count": "RUNNING"}, Phase.COUNT, (3, 8)),
        ({"Count": "SUCCEEDED"}, Phase.SUM, (None, None)),
        ({"Count": "SUCCEEDED", "Cut": "RUNNING"}, Phase.CUT, (3, 8)),
        ({"Count": "SUCCEEDED", "Cut": "SUCCEEDED"}, Phase.SEAL, (None, None)),
    ],
)
def test_the_maps_tell_the_phase(maps: dict[str, str], phase: Phase, stripes: tuple[int | None, int | None]) -> None:
    found = run(CuttingLook(MACHINE, "J").look(), Executions(["RUNNING"], maps))
    assert found is not None
    assert (found.phase, (found.runs_done, found.runs_total), found.running) == (phase, stripes, True)


def test_the_last_execution_counts_and_what_has_ended_is_read_once() -> None:
    look, service = CuttingLook(MACHINE, "J"), Executions(["ABORTED", "FAILED", "RUNNING"], {"Count": "SUCCEEDED"})
    found = run(look.look(), service)
    assert found is not None
    assert found.execution.endswith(":J-3")
    service.calls.clear()
    run(look.look(), service)
    assert service.calls == ["describe_execution", "list_map_runs"]


@pytest.mark.parametrize("error", [NotFoundError("no such execution"), AccessDeniedError("may not see it")])
def test_a_job_without_an_execution_that_can_be_seen_is_asked_for_once(error: Exception) -> None:
    calls: list[Call] = []

    def refuse(call: Call) -> Any:
        calls.append(call)
        raise error

    look = CuttingLook(MACHINE, "J")
    assert run(look.look(), refuse) is run(look.look(), refuse) is None
    assert len(calls) == 1


@pytest.mark.parametrize("states", [["RUNNING"], ["ABORTED", "RUNNING"]], ids=["first", "second"])
def test_the_execution_that_runs_is_stopped_once(states: list[str]) -> None:
    service = Executions(states)
    assert run(CuttingLook(MACHINE, "J").stop(), service)
    assert service.states[-1] == "ABORTED"
    assert not run(CuttingLook(MACHINE, "J").stop(), service)
    assert service.calls.count("stop_execution") == 1


@pytest.mark.parametrize("error", [NotFoundError("none"), AccessDeniedError("no"), TimedOutError("no answer")])
def test_an_execution_that_cannot_be_stopped_is_left_alone(error: TailraceError) -> None:
    def refuse(_: Call) -> Any:
        raise error

    assert not run(CuttingLook(MACHINE, "J").stop(), refuse)


def cutting(state: str, **more: Any) -> Cutting:
    return Cutting(execution="arn:e", state=state, phase=Phase.COUNT, runs_done=3, runs_total=8, **more)


def test_progress_is_in_stripes() -> None:
    moment = CuttingProgress(counting("J", 0, 9), cutting("RUNNING"))
    assert describe(moment) == "submitting: counting rows: 3 of 8 runs of stripes"
    assert share(moment) == (3, 8)
    assert cutting_text(cutting("ABORTED")) == "the execution has ended: ABORTED"


def test_an_execution_that_ended_long_ago_ends_the_watch_of_an_open_job() -> None:
    now = [0.0]
    patience, moment = CuttingPatience(lambda: now[0]), CuttingProgress(counting("J", 0, 9), cutting("ABORTED"))
    for second in (1.0, 250.0):
        now[0] = second
        patience.check(moment)
    now[0] = 302.0
    with pytest.raises(PermanentError, match="ended as ABORTED"):
        patience.check(moment)


def test_counts_come_from_the_output_and_failures_with_their_words() -> None:
    output = '{"done": true, "rows_total": 5, "objects": 2, "size_bytes": 9, "stripes": 1}'
    assert counted(cutting("SUCCEEDED", output=output), "C").rows == 5
    with pytest.raises(ContractError, match="no counts in its output"):
        counted(cutting("SUCCEEDED", output="{}"), "C")
    with pytest.raises(InputError, match=r"^s3://b/k is empty$"):
        counted(cutting("FAILED", error="InputError", cause='{"errorMessage": "s3://b/k is empty"}'), "C")
    with pytest.raises(PermanentError, match="TIMED_OUT"):
        counted(cutting("TIMED_OUT"), "C")
    with pytest.raises(AccessDeniedError, match="states:DescribeExecution"):
        counted(None, "C")
