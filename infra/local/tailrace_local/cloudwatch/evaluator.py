"""Looks at every alarm once a period, and moves those whose state has changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError, MetricStat, State, Transition
from tailrace_local.cloudwatch.evaluation import EXTRA_PERIODS, evaluate
from tailrace_local.cloudwatch.expressions import ExpressionError, Series
from tailrace_local.cloudwatch.expressions import evaluate as compute
from tailrace_local.cloudwatch.statistics import Point, by_period

_log = logging.getLogger("tailrace.cloudwatch")


class MetricSource(Protocol):
    """Where datapoints come from."""

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterable[Point]:
        """What was put for exactly these dimensions."""
        ...


class AlarmStore(Protocol):
    """The alarms, and what becomes of a change."""

    def alarms(self) -> Iterable[tuple[Alarm, State]]:
        """Every metric alarm that can be evaluated, and the state that it is in."""
        ...

    def move(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001 - the port's one flag
        """Record the new state and carry out its actions; ``repeats`` when it only stays in ALARM."""
        ...


class Evaluator:
    """Evaluates alarms of any number of metrics. ``speed`` says how many seconds of a period pass in one."""

    def __init__(self, source: MetricSource, store: AlarmStore, *, speed: float = 1.0) -> None:
        self._source = source
        self._store = store
        self._speed = speed
        self._seen: dict[str, int] = {}

    def look(self, now_s: float) -> list[Transition]:
        """Evaluate each alarm for which a period has ended since the last look; what changed."""
        changed = []
        for alarm, before in list(self._store.alarms()):
            period = int(now_s // (alarm.period_s / self._speed))
            if self._seen.get(alarm.name) == period:
                continue
            self._seen[alarm.name] = period
            transition = self._transition(alarm, before, now_s)
            if transition is None:
                continue
            repeats = transition.before is transition.after
            self._store.move(alarm, transition, repeats)
            if not repeats:
                changed.append(transition)
        return changed

    def _transition(self, alarm: Alarm, before: State, now_s: float) -> Transition | None:
        """None when nothing is to be done; from ALARM to ALARM while it lasts: scaling acts on each period anew."""
        try:
            values = self._values(alarm, now_s)
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
        latest = next((value for value in reversed(values) if value is not None), None)
        return Transition(alarm.name, before, after, _reason(alarm, values, after), latest)

    def _values(self, alarm: Alarm, now_s: float) -> Series:
        """The watched value of each period of the evaluation range, oldest first; the period at work is left out."""
        periods = alarm.evaluation_periods + EXTRA_PERIODS
        end_s = now_s - now_s % (alarm.period_s / self._speed)
        known: dict[str, Series] = {}
        for query in alarm.queries:
            if query.stat is not None:
                known[query.id] = self._series(query.stat, alarm.period_s, end_s, periods)
        for query in alarm.queries:
            if query.stat is None:
                known[query.id] = compute(query.expression, known)
        return next(known[query.id] for query in alarm.queries if query.returns)

    def _series(self, stat: MetricStat, period_s: float, end_s: float, periods: int) -> Series:
        points = self._source.points(stat.namespace, stat.name, stat.dimensions)
        return by_period(points, stat.statistic, period_s=period_s / self._speed, end_s=end_s, periods=periods)


def _reason(alarm: Alarm, values: Series, after: State) -> str:
    recent = [value for value in values if value is not None][-alarm.evaluation_periods :]
    if after is State.INSUFFICIENT_DATA or not recent:
        return f"Insufficient Data: {alarm.evaluation_periods} datapoints were unknown."
    count = sum(alarm.breaches(value) for value in recent) if after is State.ALARM else len(recent)
    shown = ", ".join(f"{value:g}" for value in reversed(recent))
    verb = "were" if after is State.ALARM else "were not"
    return (
        f"Threshold Crossed: {count} out of the last {alarm.evaluation_periods} datapoints [{shown}] {verb} beyond the "
        f"threshold ({alarm.comparison} {alarm.threshold:g})."
    )
