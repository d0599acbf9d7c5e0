"""The state machine that cuts sources in S3: its definition, what it calls, and what it costs when it is off."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import tailrace_core
from tailrace_core.errors import TailraceError, TransientError
from tailrace_core.objects import keys
from tests.infra.scenarios import DEFAULT, HARDENED, REALTIME, SERVERLESS, TRANSFORM, Scenario, stacks
from tests.infra.templates import as_list, source

CUTTING = source("infra/cutting.yaml")
MACHINE = CUTTING.properties("CuttingMachine")
TASKS = ("ListStripes", "CountStripe", "SumStripes", "CutStripe", "SealCutting", "FailCutting")
# What may stand in a message to the state machine at most, of what it keeps between states.
CONCURRENCY = "17"


def definition() -> dict[str, Any]:
    """The definition as CloudFormation hands it over: names in it are replaced as text."""
    text: str = MACHINE["DefinitionString"]
    for name, value in MACHINE["DefinitionSubstitutions"].items():
        known = value if isinstance(value, str) else CONCURRENCY if name == "Concurrency" else name
        text = text.replace(f"${{{name}}}", known)
    assert "${" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state, those inside Maps too."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


STATES = dict(states(definition()))


def test_the_machine_calls_each_of_its_functions_and_nothing_else() -> None:
    called = {state["Resource"] for state in STATES.values() if state["Type"] == "Task"}
    assert called == set(TASKS)
    (granted,) = [
        statement["Resource"]
        for role, statement in CUTTING.role_statements()
        if role == "CuttingMachineRole" and statement["Action"] == "lambda:InvokeFunction"
    ]
    assert [resource["Fn::GetAtt"] for resource in granted] == [[name, "Arn"] for name in TASKS]


def test_every_path_ends_and_leads_to_states_that_exist() -> None:
    def check(machine: dict[str, Any]) -> None:
        names = machine["States"]
        for name, state in names.items():
            following = [state.get("Next"), state.get("Default")]
            following += [each["Next"] for each in (*state.get("Choices", ()), *state.get("Catch", ()))]
            assert set(filter(None, following)) <= names.keys(), name
            assert any(following) or state.get("End") or state["Type"] in {"Succeed", "Fail"}, name
            if "ItemProcessor" in state:
                check(state["ItemProcessor"])

    check(definition())


def test_whatever_fails_is_tried_again_and_then_fails_the_job() -> None:
    for name, state in STATES.items():
        if state["Type"] not in {"Task", "Map"}:
            continue
        assert state["Retry"], name
        if state.get("Resource") == "FailCutting":
            continue
        (caught,) = state["Catch"]
        assert caught["ErrorEquals"] == ["States.ALL"], name
        failing = STATES[caught["Next"]]
        assert failing["Resource"] == "FailCutting"
        # The failure itself is what the function gets, and what the execution ends with.
        assert failing["Parameters"]["Cause.$"] == "$.failure.Cause"
        assert caught["ResultPath"] == "$.failure"
        assert STATES[failing["Next"]] == {
            "Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause",
        }  # fmt: skip


def errors(kind: type[TailraceError]) -> Iterator[type[TailraceError]]:
    for each in kind.__subclasses__():
        yield each
        yield from errors(each)


def test_no_error_is_tried_again_that_a_retry_does_not_change_and_every_other_is() -> None:
    for module in pkgutil.walk_packages(tailrace_core.__path__, "tailrace_core."):
        if ".errors" in module.name or ".submission" in module.name:
            importlib.import_module(module.name)
    final = {
        each.__name__
        for each in errors(TailraceError)
        if not issubclass(each, TransientError)
        and each.__module__.startswith(("tailrace_core.errors", "tailrace_core.sub"))
    }
    for name, state in STATES.items():
        if state["Type"] != "Task":
            continue
        never, throttled, everything = state["Retry"]
        assert (set(never["ErrorEquals"]), never["MaxAttempts"]) == (final, 0), name
        assert {"Lambda.TooManyRequestsException", "ThrottledError"} == set(throttled["ErrorEquals"])
        assert everything["ErrorEquals"] == ["States.ALL"]
        assert throttled["MaxAttempts"] > everything["MaxAttempts"] >= 5
        assert {each["JitterStrategy"] for each in (throttled, everything)} == {"FULL"}


@pytest.mark.parametrize(("name", "key"), [("CountStripes", keys.stripes_key), ("CutStripes", keys.stripe_starts_key)])
def test_a_map_reads_its_items_where_the_functions_write_them(name: str, key: Any) -> None:
    mapped = STATES[name]
    assert mapped["MaxConcurrency"] == int(CONCURRENCY)
    assert mapped["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
    template = mapped["ItemReader"]["Parameters"]["Key.$"]
    assert template == f"States.Format('{key('{}')}', $.job_id)"
    # Tiny items out, and nothing of them kept: their sum has to stay below 256 KB.
    processor = mapped["ItemProcessor"]
    assert [state["Result"] for state in processor["States"].values() if state.get("End")] == [{}]
    assert mapped["ResultPath"] is None
    read = [
        resource["Fn::Sub"].partition("/")[2]
        for role, statement in CUTTING.role_statements()
        if role == "CuttingMachineRole" and statement["Sid"] == "ReadStripes"
        for resource in as_list(statement["Resource"])
    ]
    assert key("*") in read


@pytest.mark.parametrize("name", ["ListStripes", "CountStripe", "SumStripes", "CutStripe"])
def test_a_function_that_ran_out_of_time_is_called_again_with_its_checkpoint(name: str) -> None:
    task = STATES[name]
    place = task["ResultPath"]
    assert task["Parameters"]["checkpoint.$"] == f"{place}.checkpoint"
    (again, *_) = STATES[task["Next"]]["Choices"]
    assert again == {"Variable": f"{place}.done", "BooleanEquals": False, "Next": name}
    timeout_s = CUTTING.properties(name).get("Timeout", CUTTING.body["Globals"]["Function"]["Timeout"])
    assert task["TimeoutSeconds"] > timeout_s


@pytest.mark.parametrize("scenario", [DEFAULT, SERVERLESS, TRANSFORM], ids=lambda each: each.name)
def test_nothing_of_it_exists_in_a_stack_that_did_not_ask_for_it(scenario: Scenario) -> None:
    found = stacks(scenario)
    assert not found.keys() & {"infra/cutting.yaml", "infra/inbox.yaml", "infra/file-alarms.yaml"}
    assert "NotificationConfiguration" not in found["template.yaml"].properties("Bucket")
    assert "cutting" not in json.dumps(found["template.yaml"].body["Resources"])


@pytest.mark.parametrize("scenario", [HARDENED, REALTIME], ids=lambda each: each.name)
def test_an_inbox_brings_cutting_with_it(scenario: Scenario) -> None:
    assert "RemoteCutting" not in scenario.parameters
    assert stacks(scenario).keys() >= {"infra/cutting.yaml", "infra/inbox.yaml", "infra/file-alarms.yaml"}
