"""The queue of one more service: what its stack holds with and without a bus, and who may do what."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from tailrace.doctor.stack import topics
from tailrace_core.messages.events import JobFinished, PartReady
from tests.infra.scenarios import FAN_OUT, stacks
from tests.infra.templates import Template, root

COMMANDS: Any = SimpleNamespace(commands=SimpleNamespace(aws=lambda *words: " ".join(words)))
BUS = FAN_OUT.parameters["EventBusArn"]


def deployed(**parameters: str) -> Template:
    scenario = replace(FAN_OUT, parameters={**FAN_OUT.parameters, **parameters})
    return stacks(scenario)["infra/fan-out.yaml"]


def subscription(**parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed(**parameters).properties("EventsSubscription")["FilterPolicy"]
    return found


def test_the_filter_lets_through_what_this_version_publishes() -> None:
    for template_filter in (subscription(), deployed_root_filter()):
        assert template_filter["type"] == [each.model_fields["type"].default for each in (PartReady, JobFinished)]
        assert template_filter["schema_version"][0] == str(PartReady.model_fields["schema_version"].default)


def deployed_root_filter() -> dict[str, Any]:
    found: dict[str, Any] = root().properties("ResultsSubscription")["FilterPolicy"]
    return found


def test_endpoints_are_filtered_on_if_they_are_named() -> None:
    assert subscription(Endpoints="a,b")["endpoint"] == ["a", "b"]
    assert "endpoint" not in subscription(Endpoints="")


def test_without_a_bus_there_is_neither_pipe_nor_role() -> None:
    template = deployed(EventBusArn="")
    assert template.of_type("AWS::Pipes::Pipe") == template.of_type("AWS::IAM::Role") == {}


def test_a_pipe_may_put_events_on_its_bus_and_nothing_else() -> None:
    template = deployed()
    (pipe,) = template.of_type("AWS::Pipes::Pipe").values()
    assert pipe["Properties"]["Target"] == BUS
    statements = {
        statement["Sid"]: statement for role, statement in template.role_statements() if role == "EventsPipeRole"
    }
    assert set(statements) == {"TakeEvents", "PutEvents", "UseKey"}
    assert (statements["PutEvents"]["Action"], statements["PutEvents"]["Resource"]) == ("events:PutEvents", BUS)


def test_an_alarm_tells_of_dead_letters_if_there_is_a_topic() -> None:
    assert deployed().properties("EventsDeadLetters")["AlarmActions"] == [FAN_OUT.parameters["AlarmTopicArn"]]
    assert "AlarmActions" not in deployed(AlarmTopicArn="").properties("EventsDeadLetters")


def test_the_doctor_knows_the_filter_of_the_results_queue() -> None:
    attributes = {
        "RawMessageDelivery": "true",
        "RedrivePolicy": "{}",
        "FilterPolicy": json.dumps(deployed_root_filter()),
    }
    nobody: Any = None
    assert topics._flaws(nobody, "ResultsQueue", "arn", attributes) == []
    assert len(topics._flaws(COMMANDS, "SucceededQueue", "arn", attributes)) == 1
