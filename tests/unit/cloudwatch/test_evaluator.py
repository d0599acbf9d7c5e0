from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tailrace_local.cloudwatch import Alarm, AlarmError, Evaluator, Point, State, Transition

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

    def move(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001
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
        evaluator.look(now)
        states.append(store.states["parked"])
    assert states == [State.OK, State.ALARM, State.OK]


def test_a_period_is_evaluated_once_and_only_when_it_is_over() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(61, 1)]
    assert [len(evaluator.look(now)) for now in (60, 90, 119, 120, 121, 179)] == [1, 0, 0, 1, 0, 0]


def test_an_alarm_that_lasts_is_told_again_each_period_and_does_not_count_as_a_change() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store)
    metrics.put = [depth(at, 1) for at in (10, 70, 130)]
    assert [len(evaluator.look(now)) for now in (60, 120, 180)] == [1, 0, 0]
    assert [repeats for _, repeats in store.moves] == [False, True, True]


def test_at_speed_sixty_a_minutes_period_takes_a_second() -> None:
    metrics, store = Metrics(), Store(PARKED)
    evaluator = Evaluator(metrics, store, speed=60)
    metrics.put = [depth(0.5, 3)]
    evaluator.look(1.0)
    assert store.states["parked"] is State.ALARM


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
    (changed,) = Evaluator(metrics, store).look(60)
    assert changed.after is State.ALARM
    assert "[1" in changed.reason


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
