"""Statistics of datapoints: one value for each period."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)", re.IGNORECASE)


@dataclass(frozen=True)
class Point:
    """A datapoint: one value seen `count` times, or the statistics of a set of values."""

    timestamp_s: float
    count: float
    total: float
    minimum: float
    maximum: float
    unit: str = "None"

    @classmethod
    def of(cls, timestamp_s: float, value: float, count: float = 1.0, unit: str = "None") -> Point:
        """Return the datapoint of one value, seen `count` times."""
        return cls(timestamp_s, count, value * count, float(value), float(value), unit)


def by_period(
    points: Iterable[Point], statistic: str, *, period_s: float, end_s: float, periods: int
) -> list[float | None]:
    """Return the statistic of each of the last `periods` periods before `end_s`, oldest first.

    None without datapoints.

    Raises:
        ValueError: the statistic is neither a basic one of CloudWatch nor a percentile.
    """
    start_s = end_s - periods * period_s
    buckets: list[list[Point]] = [[] for _ in range(periods)]
    for point in points:
        position = int((point.timestamp_s - start_s) // period_s)
        if 0 <= position < periods and point.count > 0:
            buckets[position].append(point)
    return [_value(bucket, statistic) if bucket else None for bucket in buckets]


def _value(points: Sequence[Point], statistic: str) -> float | None:
    count, total = sum(point.count for point in points), float(sum(point.total for point in points))
    match statistic:
        case "Sum":
            return total
        case "Average":
            return total / count
        case "SampleCount":
            return count
        case "Minimum":
            return min(point.minimum for point in points)
        case "Maximum":
            return max(point.maximum for point in points)
    found = _PERCENTILE.fullmatch(statistic)
    if found is None:
        raise ValueError(f"{statistic!r} is no statistic that is evaluated here")
    return _percentile(points, float(found.group(1)))


def _percentile(points: Sequence[Point], percent: float) -> float | None:
    """Interpolate between the nearest ranks.

    None when a datapoint is a set of values, as in CloudWatch.
    """
    if any(point.minimum != point.maximum for point in points):
        return None
    ordered = sorted(points, key=lambda point: point.minimum)
    rank = percent / 100 * (sum(point.count for point in ordered) - 1)
    below, above = _at(ordered, int(rank)), _at(ordered, int(rank) + 1)
    return below + (rank - int(rank)) * (above - below)


def _at(ordered: Sequence[Point], index: int) -> float:
    seen = 0.0
    for point in ordered:
        seen += point.count
        if index < seen:
            return point.minimum
    return ordered[-1].minimum
