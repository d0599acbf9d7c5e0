"""The alarms fire and stay silent as intended, as the local cloud evaluates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tailrace_local.cloudwatch.alarm import Alarm, State
from tailrace_local.cloudwatch.evaluation import evaluate
from tailrace_local.cloudwatch.expressions import Series
from tailrace_local.cloudwatch.expressions import evaluate as compute
from tests.infra import watching
from tests.infra.templates import monitoring


def described(key: str) -> dict[str, Any]:
    return {"AlarmName": key, **monitoring().properties(key)}


def state(key: str, points: Sequence[float | None], *, before: State = State.OK) -> State:
    alarm = Alarm.of(described(key))
    return evaluate(
        [None if point is None else alarm.breaches(point) for point in points],
        evaluation_periods=alarm.evaluation_periods,
        datapoints_to_alarm=alarm.datapoints_to_alarm,
        missing=alarm.missing,
        before=before,
    )


def computed(key: str, **series: Sequence[float | None]) -> Series:
    (expression,) = [each["Expression"] for each in described(key)["Metrics"] if "Expression" in each]
    if isinstance(expression, dict):
        expression = expression["Fn::Sub"].replace("${ReservedConcurrency}", "10")
    return compute(expression, {name: list(values) for name, values in series.items()})


def test_the_local_cloud_can_evaluate_every_alarm() -> None:
    for key, alarm in monitoring().of_type(watching.ALARM).items():
        if isinstance(alarm["Properties"]["Threshold"], dict):
            continue  # a parameter
        assert Alarm.of(described(key)).datapoints_to_alarm >= 1
        ids = {query["Id"] for query in alarm["Properties"].get("Metrics", []) if "MetricStat" in query}
        if ids:
            assert computed(key, **{each: [0.0] for each in ids}) is not None


@pytest.mark.parametrize(
    ("failed", "scored", "expected"),
    [
        ([12.0] * 3, [500.0] * 3, State.OK),
        ([10.0] * 3, [None] * 3, State.OK),
        ([60.0] * 3, [20.0] * 3, State.ALARM),
        ([60.0] * 3, [None] * 3, State.ALARM),
        ([60.0, 5.0, 60.0], [20.0] * 3, State.OK),
        ([None] * 3, [20.0] * 3, State.OK),
    ],
    ids=["bad rows", "few", "most", "all", "not for long", "none"],
)
def test_a_model_fails_when_most_chunks_do_for_a_while(failed: Series, scored: Series, expected: State) -> None:
    assert state("ModelFailing", computed("ModelFailing", failed=failed, scored=scored)) is expected


@pytest.mark.parametrize(
    ("backlog", "instances", "expected"),
    [
        ([0.0] * 12, [5.0] * 12, State.ALARM),
        ([None] * 12, [5.0] * 12, State.ALARM),
        ([0.0] * 11 + [3.0], [5.0] * 12, State.OK),
        ([0.0] * 12, [5.0] * 11 + [None], State.OK),
        ([None] * 12, [None] * 12, State.OK),
    ],
    ids=["idle", "never asked", "work came", "gone", "at rest"],
)
def test_instances_are_idle_when_they_had_nothing_to_do_for_an_hour(
    backlog: Series, instances: Series, expected: State
) -> None:
    assert state("IdleInstances", computed("IdleInstances", backlog=backlog, instances=instances)) is expected


def test_one_operations_errors_are_the_ledgers() -> None:
    quiet: Series = [None] * 3
    errors = computed("LedgerFailing", get=quiet, query=[0.0, 4.0, 1.0], update=quiet, transact=quiet)
    assert state("LedgerFailing", errors) is State.ALARM


def test_a_function_is_busy_near_its_reserve() -> None:
    assert state("CollectResultsBusy", computed("CollectResultsBusy", used=[10.0] * 15)) is State.ALARM
    assert state("CollectResultsBusy", computed("CollectResultsBusy", used=[10.0] * 14 + [9.0])) is State.OK


@pytest.mark.parametrize("key", ["ParkedChunks", "FailedDeadLetters", "ReconcileJobsDeadLetters"])
def test_what_waits_for_a_person_stays_an_alarm_while_nobody_looks(key: str) -> None:
    assert state(key, [0.0] * 6 + [1.0]) is State.ALARM
    assert state(key, [1.0, 0.0, 0.0], before=State.ALARM) is State.ALARM
    assert state(key, [None] * 7, before=State.ALARM) is State.ALARM
    assert state(key, [0.0] * 7, before=State.ALARM) is State.OK
    assert state(key, [None] * 7) is State.OK


def test_a_reconciler_is_silent_when_no_run_reports() -> None:
    polled: Series = [5.0] * 6
    assert silence([None] * 6, polled) is State.ALARM
    assert silence([1.0, 1.0, None, None, None, None], polled) is State.ALARM
    assert silence([1.0, None, None, None, None, 1.0], polled) is State.OK
    assert state("JobsLate", [None] * 5) is State.OK
    assert state("JobsLate", [0.0, 2.0, 2.0]) is State.ALARM


def silence(runs: Series, polls: Series, *, before: State = State.OK) -> State:
    return state("ReconcilerSilent", computed("ReconcilerSilent", runs=runs, polls=polls), before=before)


def test_a_new_stack_is_not_silent_before_it_exists() -> None:
    fresh = State.INSUFFICIENT_DATA
    assert silence([None] * 6, [None] * 6, before=fresh) is fresh
    assert silence([None] * 6, [None] * 5 + [5.0], before=fresh) is fresh
    assert silence([None] * 5 + [1.0], [None] * 5 + [5.0], before=fresh) is State.OK
    assert silence([None] * 5 + [1.0], [None] * 3 + [5.0] * 3, before=fresh) is State.OK


def test_a_reconciler_that_is_silent_stays_an_alarm_while_there_is_no_data() -> None:
    assert silence([None] * 6, [None] * 6, before=State.ALARM) is State.ALARM


def test_what_the_reconciler_cannot_repair_stays_an_alarm_though_it_is_tried_seldom() -> None:
    tried = [1.0, 1.0, 1.0, 0.0, 1.0, *[0.0, 0.0, 0.0, 1.0] * 5]
    assert state("OverdueFailing", [1.0, 1.0]) is State.OK
    assert {state("OverdueFailing", tried[:count]) for count in range(3, len(tried))} == {State.ALARM}
    assert state("OverdueFailing", [*tried, *[0.0] * 15]) is State.OK


def test_capacity_is_missed_after_longer_than_an_instance_takes_to_start() -> None:
    assert state("NoCapacity", [1.0] * 19 + [0.0]) is State.OK
    assert state("NoCapacity", [1.0] * 20) is State.ALARM
    assert state("NoCapacity", [None] * 20) is State.OK
