"""CloudWatch's alarms, evaluated as AWS documents it.

M of N periods, missing data, percentiles, metric math.

`evaluation`, `statistics` and `expressions` are pure. `Evaluator` reads datapoints and alarms by
protocols, so that any store of metrics can be used. Imports `tailrace_local.emulator_base`.
"""

from tailrace_local.cloudwatch.alarm import Alarm, AlarmError, State, Transition
from tailrace_local.cloudwatch.evaluator import AlarmStore, Evaluator, MetricSource
from tailrace_local.cloudwatch.statistics import Point

__all__ = ["Alarm", "AlarmError", "AlarmStore", "Evaluator", "MetricSource", "Point", "State", "Transition"]
