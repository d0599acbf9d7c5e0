"""What PutMetricAlarm is asked before an alarm is taken: whether it can be evaluated at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError
from tailrace_local.cloudwatch.expressions import ExpressionError
from tailrace_local.cloudwatch.queries import QueryResults
from tailrace_local.cloudwatch.statistics import Point, by_period


def validate_alarm(described: Mapping[str, Any]) -> Alarm:
    """The alarm, when everything that it asks for is evaluated here.

    Raises:
        AlarmError: an operator, a statistic or an expression that is not; the message names the alarm.
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
