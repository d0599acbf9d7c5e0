"""Validation of an alarm before it is stored: everything that it uses has to be evaluated here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError
from tailrace_local.cloudwatch.expressions import ExpressionError
from tailrace_local.cloudwatch.queries import QueryResults
from tailrace_local.cloudwatch.statistics import Point, by_period


def validate_alarm(described: Mapping[str, Any]) -> Alarm:
    """Read an alarm, and check its operator, statistics and expressions.

    Raises:
        AlarmError: one of them is not evaluated here. The message names the alarm.
    """
    alarm = Alarm.of(described)
    probe = [Point.of(0.0, 1.0)]
    try:
        alarm.breaches(0.0)
        metrics = {
            query.id: by_period(probe, query.stat.statistic, period_s=1.0, end_s=1.0, periods=1)
            for query in alarm.queries
            if query.stat
        }
        computed = QueryResults(alarm.queries, metrics)
        for query in alarm.queries:
            if query.returns:
                _ = computed[query.id]
    except AlarmError:
        raise
    except (ExpressionError, ValueError) as error:
        raise AlarmError(f"alarm {alarm.name}: {error}") from error
    return alarm
