"""Why an alarm is in its state, in CloudWatch's words: StateReason and StateReasonData."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tailrace_local.cloudwatch.notifications import moment

_COMPARED = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored", "missing": "Missing"}


@dataclass(frozen=True)
class Datapoint:
    """The watched value of one period."""

    start_s: float
    value: float


@dataclass(frozen=True)
class Watched:
    """How an alarm judges. Numbers as in PutMetricAlarm."""

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: str
    period_s: int
    statistic: str | None


@dataclass(frozen=True)
class Judged:
    """The datapoints that were looked at, latest first, and the states before and after."""

    datapoints: Sequence[Datapoint]
    before: str
    after: str
    at_s: float


def reason(watched: Watched, judged: Judged) -> str:
    """StateReason."""
    lacking = watched.evaluation_periods - len(judged.datapoints)
    if judged.after == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_counted(lacking, 'datapoint')} {_was(lacking)} unknown."
    if not judged.datapoints:
        periods, unknown = _counted(lacking, "period"), _counted(lacking, "missing datapoint")
        treated = _TREATED[watched.missing]
        return (
            f"Threshold Crossed: no datapoints were received for {periods} and {unknown} {_was(lacking)} treated as "
            f"[{treated}]."
        )
    return f"Threshold Crossed: {_found(watched, judged)}{_filled(watched, lacking)}{_least(watched, judged)}."


def reason_data(watched: Watched, judged: Judged) -> str:
    """StateReasonData, a JSON document."""
    oldest = judged.datapoints[-1].start_s if judged.datapoints else None
    found = {
        "version": "1.0",
        "queryDate": moment(judged.at_s),
        "startDate": None if oldest is None else moment(oldest),
        "statistic": watched.statistic,
        "period": watched.period_s,
        "recentDatapoints": [datapoint.value for datapoint in reversed(judged.datapoints)],
        "threshold": watched.threshold,
        "evaluatedDatapoints": [
            {"timestamp": moment(datapoint.start_s), "value": datapoint.value} for datapoint in judged.datapoints
        ],
    }
    return json.dumps({name: value for name, value in found.items() if value is not None})


def _found(watched: Watched, judged: Judged) -> str:
    alarming = judged.after == "ALARM"
    matching = [each for each in judged.datapoints if _breaches(watched, each.value) is alarming]
    shown = ", ".join(f"{each.value} ({_short(each.start_s)})" for each in matching)
    last = max(watched.evaluation_periods, len(judged.datapoints))
    verb = f"{_was(len(matching))}{'' if alarming else ' not'}"
    compared = f"{_COMPARED[watched.comparison]} the threshold ({watched.threshold})"
    return f"{len(matching)} out of the last {last} datapoints [{shown}] {verb} {compared}"


def _filled(watched: Watched, lacking: int) -> str:
    if lacking <= 0 or watched.missing not in {"breaching", "notBreaching"}:
        return ""
    return f" and {_counted(lacking, 'missing datapoint')} {_was(lacking)} treated as [{_TREATED[watched.missing]}]"


def _least(watched: Watched, judged: Judged) -> str:
    needed, pair = watched.datapoints_to_alarm, "OK -> ALARM"
    if judged.after == "OK":
        needed, pair = watched.evaluation_periods - needed + 1, "ALARM -> OK"
    return f" (minimum {_counted(needed, 'datapoint')} for {pair} transition)"


def _breaches(watched: Watched, value: float) -> bool:
    match watched.comparison:
        case "GreaterThanOrEqualToThreshold":
            return value >= watched.threshold
        case "GreaterThanThreshold":
            return value > watched.threshold
        case "LessThanThreshold":
            return value < watched.threshold
    return value <= watched.threshold


def _short(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%d/%m/%y %H:%M:%S}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
