"""StateReason and StateReasonData, in CloudWatch's wording."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tailrace_local.cloudwatch.alarm import Alarm
from tailrace_local.cloudwatch.notifications import format_time

_COMPARED = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored", "missing": "Missing"}


@dataclass(frozen=True)
class Datapoint:
    """The value of one period."""

    start_s: float
    value: float


@dataclass(frozen=True)
class EvaluationResult:
    """The evaluated datapoints, latest first, and the states before and after."""

    datapoints: Sequence[Datapoint]
    before: str
    after: str
    at_s: float


def reason(alarm: Alarm, result: EvaluationResult) -> str:
    """Return StateReason."""
    lacking = alarm.evaluation_periods - len(result.datapoints)
    if result.after == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_counted(lacking, 'datapoint')} {_was(lacking)} unknown."
    if not result.datapoints:
        periods, unknown = _counted(lacking, "period"), _counted(lacking, "missing datapoint")
        treated = _TREATED[alarm.missing]
        return (
            f"Threshold Crossed: no datapoints were received for {periods} and {unknown} {_was(lacking)} treated as "
            f"[{treated}]."
        )
    return f"Threshold Crossed: {_found(alarm, result)}{_filled(alarm, lacking)}{_least(alarm, result)}."


def reason_data(alarm: Alarm, result: EvaluationResult) -> str:
    """Return StateReasonData, a JSON document."""
    oldest = result.datapoints[-1].start_s if result.datapoints else None
    found = {
        "version": "1.0",
        "queryDate": format_time(result.at_s),
        "startDate": None if oldest is None else format_time(oldest),
        "statistic": alarm.statistic,
        "period": int(alarm.period_s),
        "recentDatapoints": [datapoint.value for datapoint in reversed(result.datapoints)],
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [
            {"timestamp": format_time(datapoint.start_s), "value": datapoint.value} for datapoint in result.datapoints
        ],
    }
    return json.dumps({name: value for name, value in found.items() if value is not None})


def _found(alarm: Alarm, result: EvaluationResult) -> str:
    alarming = result.after == "ALARM"
    matching = [each for each in result.datapoints if alarm.breaches(each.value) is alarming]
    shown = ", ".join(f"{each.value} ({_short(each.start_s)})" for each in matching)
    last = max(alarm.evaluation_periods, len(result.datapoints))
    verb = f"{_was(len(matching))}{'' if alarming else ' not'}"
    compared = f"{_COMPARED[alarm.comparison]} the threshold ({alarm.threshold})"
    return f"{len(matching)} out of the last {last} datapoints [{shown}] {verb} {compared}"


def _filled(alarm: Alarm, lacking: int) -> str:
    if lacking <= 0 or alarm.missing not in {"breaching", "notBreaching"}:
        return ""
    return f" and {_counted(lacking, 'missing datapoint')} {_was(lacking)} treated as [{_TREATED[alarm.missing]}]"


def _least(alarm: Alarm, result: EvaluationResult) -> str:
    needed, pair = alarm.datapoints_to_alarm, "OK -> ALARM"
    if result.after == "OK":
        needed, pair = alarm.evaluation_periods - needed + 1, "ALARM -> OK"
    return f" (minimum {_counted(needed, 'datapoint')} for {pair} transition)"


def _short(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%d/%m/%y %H:%M:%S}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
