from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from cfnlint.decode import decode  # type: ignore[import-untyped]  # ships no types

from tailrace_local.cloudwatch import Alarm, AlarmError, Evaluator, Point, State, Transition
from tailrace_local.cloudwatch.validation import validate_alarm
from tailrace_local.emulator_base.pace import Pace
from tests.infra.templates import ROOT

PARKED: dict[str, Any] = {
    "AlarmName": "parked",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": "parked"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


class Metrics:
    def __init__(self) -> None:
        self.put: list[tuple[str, str, tuple[tuple[str, str], ...], Point]] = []

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterable[Point]:
        return [point for *key, point in self.put if key == [namespace, name, tuple(dimensions)]]


class Store:
    def __init__(self, *alarms: dict[str, Any]) -> None:
        self.states = {alarm["AlarmName"]: State.INSUFFICIENT_DATA for alarm in alarms}
        self._alarms = [Alarm.of(alarm) for alarm in alarms]
        self.moves: list[tuple[Transition, bool]] = []

    def alarms(self) -> Iterable[tuple[Alarm, State]]:
        return [(alarm, self.states[alarm.name]) for alarm in self._alarms]

    def apply(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001
        self.states[alarm.name] = transition.after
        self.moves.append((transition, repeats))


def depth(at_s: float, value: float, queue: str = "parked") -> Any:
    point = Point.of(at_s, value)
    return "AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", queue),), point


def test_an_alarm_follows_its_own_dimensions_and_comes_back() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(10, 0), depth(10, 7, "another"), depth(70, 2), depth(130, 0)]
    states = []
    for now in (60, 120, 180):
        evaluator.evaluate_due(now)
        states.append(store.states["parked"])
    assert states == [State.OK, State.ALARM, State.OK]


def test_an_alarm_of_a_deleted_name_begins_anew() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(10, 1)]
    evaluator.evaluate_due(60)
    kept, store._alarms = store._alarms, []
    evaluator.evaluate_due(61)
    store._alarms, store.states["parked"] = kept, State.INSUFFICIENT_DATA
    assert len(evaluator.evaluate_due(62)) == 1


def test_a_period_is_evaluated_once_and_only_when_it_is_over() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(61, 1)]
    assert [len(evaluator.evaluate_due(now)) for now in (60, 90, 119, 120, 121, 179)] == [1, 0, 0, 1, 0, 0]


def test_an_alarm_that_lasts_is_told_again_each_period_and_does_not_count_as_a_change() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(at, 1) for at in (10, 70, 130)]
    assert [len(evaluator.evaluate_due(now)) for now in (60, 120, 180)] == [1, 0, 0]
    assert [repeats for _, repeats in store.moves] == [False, True, True]


def test_time_can_be_made_to_pass_faster_and_slower_again() -> None:
    metrics, store, pace = Metrics(), Store(PARKED), Pace()
    evaluator = Evaluator(metrics, store, pace=pace)
    metrics.put = [depth(60.5, 3)]
    states = []
    for time_scale, now in ((1 / 60, 61.0), (1.0, 120.0), (1.0, 300.0)):
        pace.time_scale = time_scale
        evaluator.evaluate_due(now)
        states.append(store.states["parked"])
    assert states == [State.ALARM, State.ALARM, State.OK]


def test_a_long_period_is_evaluated_each_minute_over_what_ended_then() -> None:
    metrics, store = Metrics(), Store(PARKED | {"Period": 300})
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(10, 0), depth(130, 4)]
    states = []
    for now in (60, 120, 180, 480, 960, 1080):
        evaluator.evaluate_due(now)
        states.append(store.states["parked"])
    # Without newer data the last period that has some is evaluated until it leaves the evaluation
    # range.
    assert states == [State.OK, State.OK, State.ALARM, State.ALARM, State.ALARM, State.OK]


def test_a_high_resolution_alarm_is_evaluated_every_ten_seconds() -> None:
    metrics, store = Metrics(), Store(PARKED | {"Period": 10})
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(15, 1)]
    assert [len(evaluator.evaluate_due(now)) for now in (10, 15, 20, 25)] == [1, 0, 1, 0]


@pytest.mark.parametrize(("unit", "state"), [("None", State.OK), ("Seconds", State.ALARM)])
def test_only_what_was_put_with_the_alarms_unit_counts(unit: str, state: State) -> None:
    metrics, store = Metrics(), Store(PARKED | {"Unit": "Seconds"})
    metrics.put = [(*depth(10, 7)[:3], Point.of(10, 7, unit=unit))]
    Evaluator(metrics, store).evaluate_due(60)
    assert store.states["parked"] is state


def test_alarms_on_dynamodb_keep_their_state_when_data_is_missing() -> None:
    store = Store(PARKED | {"Namespace": "AWS/DynamoDB", "TreatMissingData": "breaching"})
    Evaluator(Metrics(), store).evaluate_due(60)
    assert store.states["parked"] is State.INSUFFICIENT_DATA


def test_a_change_tells_its_reason_with_the_datapoints_of_the_periods() -> None:
    metrics, store = Metrics(), Store(PARKED)
    metrics.put = [depth(70, 2)]
    (changed,) = Evaluator(metrics, store).evaluate_due(125)
    assert changed.reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [2.0 (01/01/70 00:01:00)] was")
    assert json.loads(changed.reason_data)["evaluatedDatapoints"][0]["timestamp"] == "1970-01-01T00:01:00.000+0000"


def test_metric_math_is_evaluated_over_its_metrics() -> None:
    stat = {"Metric": {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible",
                       "Dimensions": PARKED["Dimensions"]}, "Stat": "Maximum", "Period": 60}  # fmt: skip
    alarm = {key: PARKED[key] for key in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}
    alarm["Metrics"] = [
        {"Id": "depth", "MetricStat": stat, "ReturnData": False},
        {"Id": "beyond", "Expression": "FILL(depth, 0) - 5"},
    ]
    metrics, store = Metrics(), Store(alarm)
    metrics.put = [depth(10, 6)]
    (changed,) = Evaluator(metrics, store).evaluate_due(60)
    assert changed.after is State.ALARM
    assert "[1.0 (" in changed.reason


def test_expressions_may_stand_in_any_order_but_not_depend_on_themselves(caplog: pytest.LogCaptureFixture) -> None:
    alarm = {key: PARKED[key] for key in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}
    chain: list[dict[str, Any]] = [
        {"Id": "last", "Expression": "middle * 2"},
        {"Id": "middle", "Expression": "3 - 1", "ReturnData": False},
    ]
    store = Store(alarm | {"Metrics": chain, "TreatMissingData": "breaching"})
    Evaluator(Metrics(), store).evaluate_due(60)
    assert store.states["parked"] is State.ALARM
    circle = [chain[0], {**chain[1], "Expression": "last"}]
    Evaluator(Metrics(), Store(alarm | {"Metrics": circle})).evaluate_due(60)
    assert "last -> middle -> last" in caplog.text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ThresholdMetricId": "band"}, "anomaly detection"),
        ({"MetricName": ""}, "MetricName"),
        ({"Metrics": [{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "2"}]}, "exactly one"),
        ({"Metrics": [{"Id": "a"}]}, "neither"),
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused_with_its_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(AlarmError, match=f"parked.*{named}"):
        Alarm.of({**PARKED, **changes})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"Statistic": "tm90"}, "tm90"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "LessThanLowerThreshold"),
        ({"Metrics": [{"Id": "a", "Expression": "RUNNING_SUM(b)"}]}, "RUNNING_SUM"),
        ({"Metrics": [{"Id": "a", "Expression": "b + 1"}]}, "'b'"),
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused_when_it_is_put(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(AlarmError, match=f"parked.*{named}"):
        validate_alarm({**PARKED, **changes})


def test_an_alarm_that_can_be_evaluated_is_accepted() -> None:
    assert validate_alarm({**PARKED, "Statistic": None, "ExtendedStatistic": "p99.9"}).statistic == "p99.9"


@pytest.mark.parametrize("name", ["endpoint.yaml", "monitoring.yaml"])
def test_every_alarm_of_the_templates_is_evaluated(name: str) -> None:
    resources = decode(str(ROOT / "infra" / name))[0]["Resources"]
    alarms = {key: found for key, found in resources.items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    assert alarms
    for logical_id, alarm in alarms.items():
        validate_alarm({"AlarmName": logical_id, **known(alarm["Properties"])})


def known(node: Any) -> Any:
    """Replace a template's intrinsic functions by a number as text."""
    match node:
        case {"Ref": _} | {"Fn::If": _}:
            return "60"
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{[^}]+\}", "60", text)
        case dict():
            return {name: known(value) for name, value in node.items()}
        case list():
            return [known(value) for value in node]
    return node
