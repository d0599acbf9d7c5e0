"""CloudWatch's alarms, evaluated as AWS documents it: M of N periods, missing data, percentiles, metric math.

What evaluates is pure (`evaluation`, `statistics`, `expressions`); `Evaluator` reads datapoints and alarms through
ports, so that any store of metrics can stand behind it.
"""

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError, State, Transition
from tailrace_local.cloudwatch.evaluator import AlarmStore, Evaluator, MetricSource
from tailrace_local.cloudwatch.statistics import Point

__all__ = ["Alarm", "AlarmError", "AlarmStore", "Evaluator", "MetricSource", "Point", "State", "Transition"]
