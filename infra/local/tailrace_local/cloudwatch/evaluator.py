"""Evaluates every alarm as often as CloudWatch does, and applies the changes of state."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError, MetricStat, State, Transition
from tailrace_local.cloudwatch.evaluation import EXTRA_PERIODS, evaluate
from tailrace_local.cloudwatch.expressions import ExpressionError, Series
from tailrace_local.cloudwatch.queries import QueryResults
from tailrace_local.cloudwatch.reasons import Datapoint, EvaluationResult, reason, reason_data
from tailrace_local.cloudwatch.statistics import Point, by_period
from tailrace_local.emulator_base.pace import Pace

_log = logging.getLogger("tailrace.cloudwatch")
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0
_HIGH_RESOLUTION_S = 10.0


class MetricSource(Protocol):
    """Stores datapoints."""

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterable[Point]:
        """Return the datapoints of exactly these dimensions."""
        ...


class AlarmStore(Protocol):
    """Stores alarms and carries out their actions."""

    def alarms(self) -> Iterable[tuple[Alarm, State]]:
        """Return every metric alarm that can be evaluated, and its state."""
        ...

    def apply(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001 - the port's one flag
        """Record the new state and carry out its actions.

        `repeats` is true when the alarm stays in ALARM.
        """
        ...


class Evaluator:
    """Evaluates all alarms of a store; their periods pass at the given pace."""

    def __init__(self, source: MetricSource, store: AlarmStore, *, pace: Pace | None = None) -> None:
        self._source = source
        self._store = store
        self._pace = pace or Pace()
        self._seen: dict[str, tuple[float, int]] = {}

    def evaluate_due(self, now_s: float) -> list[Transition]:
        """Evaluate each alarm that is due since the last call, and return the changes of state."""
        alarms = list(self._store.alarms())
        changed = []
        for alarm, before in alarms:
            step_s = self._pace.seconds(_every_s(alarm))
            turn = int(now_s // step_s)
            if self._seen.get(alarm.name) == (step_s, turn):
                continue
            self._seen[alarm.name] = (step_s, turn)
            transition = self._transition(alarm, before, now_s, turn * step_s)
            if transition is None:
                continue
            repeats = transition.before is transition.after
            self._store.apply(alarm, transition, repeats)
            if not repeats:
                changed.append(transition)
        self._keep_only({alarm.name for alarm, _ in alarms})
        return changed

    def _transition(self, alarm: Alarm, before: State, now_s: float, end_s: float) -> Transition | None:
        """Return the change, or None without one.

        ALARM to ALARM is a change: scaling acts at each evaluation.
        """
        try:
            values = self._values(alarm, end_s)
            breaching = [None if value is None else alarm.breaches(value) for value in values]
        except (AlarmError, ExpressionError, ValueError) as error:
            _log.error("alarm %s is not evaluated: %s", alarm.name, error)
            return None
        after = evaluate(
            breaching,
            evaluation_periods=alarm.evaluation_periods,
            datapoints_to_alarm=alarm.datapoints_to_alarm,
            missing=alarm.missing,
            before=before,
        )
        if after is before and after is not State.ALARM:
            return None
        result = EvaluationResult(self._datapoints(alarm, values, end_s), before, after, now_s)
        latest = result.datapoints[0].value if result.datapoints else None
        return Transition(alarm.name, before, after, reason(alarm, result), reason_data(alarm, result), latest)

    def _values(self, alarm: Alarm, end_s: float) -> Series:
        """Return the value of each period of the evaluation range, oldest first.

        The current period is not part of it.
        """
        metrics = {query.id: self._series(alarm, query.stat, end_s) for query in alarm.queries if query.stat}
        computed = QueryResults(alarm.queries, metrics)
        return next(computed[query.id] for query in alarm.queries if query.returns)

    def _series(self, alarm: Alarm, stat: MetricStat, end_s: float) -> Series:
        points = self._source.points(stat.namespace, stat.name, stat.dimensions)
        return by_period(
            (point for point in points if stat.unit in {None, point.unit}),
            stat.statistic,
            period_s=self._pace.seconds(alarm.period_s),
            end_s=end_s,
            periods=alarm.evaluation_periods + EXTRA_PERIODS,
        )

    def _datapoints(self, alarm: Alarm, values: Series, end_s: float) -> list[Datapoint]:
        """Return the latest datapoints, as many as are evaluated, latest first."""
        period_s = self._pace.seconds(alarm.period_s)
        found = [
            Datapoint(end_s - (age + 1) * period_s, value)
            for age, value in enumerate(reversed(values))
            if value is not None
        ]
        return found[: alarm.evaluation_periods]

    def _keep_only(self, names: set[str]) -> None:
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}


def _every_s(alarm: Alarm) -> float:
    """Return CloudWatch's interval for an alarm.

    A minute; 10 s for periods below a minute; an hour for evaluation ranges longer than a day.
    """
    if alarm.period_s < _MINUTE_S:
        return _HIGH_RESOLUTION_S
    return _HOUR_S if alarm.period_s * alarm.evaluation_periods > _DAY_S else _MINUTE_S
