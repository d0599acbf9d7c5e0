"""A metric alarm as PutMetricAlarm describes it, and its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AlarmError(ValueError):
    """An alarm that cannot be evaluated here. The message names the alarm and the property."""


class State(StrEnum):
    """An alarm's StateValue."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """An alarm's TreatMissingData."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True)
class Transition:
    """An alarm's change of state, its reason, and the latest datapoint's value, if any."""

    alarm: str
    before: State
    after: State
    reason: str
    reason_data: str
    value: float | None = None


@dataclass(frozen=True)
class MetricStat:
    """One statistic of one metric: one value for each period."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period_s: float
    unit: str | None = None
    """Only datapoints with this unit count; None accepts every unit."""


@dataclass(frozen=True)
class Query:
    """One entry of an alarm's metrics: a statistic or an expression over the others' ids."""

    id: str
    stat: MetricStat | None = None
    expression: str = ""
    returns: bool = True


@dataclass(frozen=True)
class Alarm:
    """The properties that decide an alarm's state. Exactly one of `queries` returns data."""

    name: str
    queries: tuple[Query, ...]
    period_s: float
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: str
    threshold: float
    missing: MissingData

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Alarm:
        """Read an alarm as PutMetricAlarm, DescribeAlarms or a template describes it.

        Raises:
            AlarmError: anomaly detection, a missing metric, or no single query that returns data.
        """
        name = str(described.get("AlarmName", ""))
        if described.get("ThresholdMetricId"):
            raise AlarmError(f"alarm {name}: anomaly detection (ThresholdMetricId) is not evaluated here")
        queries = _queries(name, described)
        periods = int(described.get("EvaluationPeriods") or 1)
        return cls(
            name=name,
            queries=queries,
            period_s=max((query.stat.period_s for query in queries if query.stat), default=60.0),
            evaluation_periods=periods,
            datapoints_to_alarm=int(described.get("DatapointsToAlarm") or periods),
            comparison=str(described["ComparisonOperator"]),
            threshold=float(described["Threshold"]),
            missing=_missing(described, queries),
        )

    @property
    def statistic(self) -> str | None:
        """The metric's statistic; None for metric math."""
        (first, *others) = self.queries
        return first.stat.statistic if first.stat and not others else None

    def breaches(self, value: float) -> bool:
        """Return whether one datapoint breaches the threshold.

        Raises:
            AlarmError: the operator is one of anomaly detection's.
        """
        match self.comparison:
            case "GreaterThanOrEqualToThreshold":
                return value >= self.threshold
            case "GreaterThanThreshold":
                return value > self.threshold
            case "LessThanThreshold":
                return value < self.threshold
            case "LessThanOrEqualToThreshold":
                return value <= self.threshold
        raise AlarmError(f"alarm {self.name}: ComparisonOperator {self.comparison!r} is not evaluated here")


def _missing(described: Mapping[str, Any], queries: tuple[Query, ...]) -> MissingData:
    # PutMetricAlarm's documentation: alarms on DynamoDB's metrics ignore missing data, whatever
    # TreatMissingData says.
    if any(query.stat and query.stat.namespace == "AWS/DynamoDB" for query in queries):
        return MissingData.IGNORE
    return MissingData(described.get("TreatMissingData") or "missing")


def _queries(name: str, described: Mapping[str, Any]) -> tuple[Query, ...]:
    if not described.get("Metrics"):
        return (Query("m", _stat(name, described, described)),)
    queries = tuple(_query(name, entry) for entry in described["Metrics"])
    if sum(query.returns for query in queries) != 1:
        raise AlarmError(f"alarm {name}: exactly one of Metrics has to return data")
    return queries


def _query(name: str, entry: Mapping[str, Any]) -> Query:
    returns = str(entry.get("ReturnData", "true")).lower() == "true"
    if entry.get("Expression"):
        return Query(str(entry["Id"]), expression=str(entry["Expression"]), returns=returns)
    found = entry.get("MetricStat")
    if not found:
        raise AlarmError(f"alarm {name}: {entry.get('Id')} of Metrics has neither MetricStat nor Expression")
    return Query(str(entry["Id"]), _stat(name, found["Metric"], {**found, "Statistic": found["Stat"]}), returns=returns)


def _stat(name: str, metric: Mapping[str, Any], how: Mapping[str, Any]) -> MetricStat:
    if not metric.get("MetricName") or not metric.get("Namespace"):
        raise AlarmError(f"alarm {name}: MetricName and Namespace are needed")
    dimensions = metric.get("Dimensions") or []
    return MetricStat(
        namespace=str(metric["Namespace"]),
        name=str(metric["MetricName"]),
        dimensions=tuple(sorted((str(each["Name"]), str(each["Value"])) for each in dimensions)),
        statistic=str(how.get("ExtendedStatistic") or how.get("Statistic") or "Average"),
        period_s=float(how.get("Period") or 60),
        unit=how.get("Unit") or None,
    )
