"""Messages that CloudWatch publishes on a topic when an alarm changes its state.

Source of the shapes: messages of CloudWatch that AWS's documentation and projects that parse them
quote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import botocore.session

_SUBJECT_LENGTH = 100
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")

Described = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change of state, with its time, region and account."""

    before: str
    after: str
    reason: str
    at_s: float
    region: str
    account_id: str


def subject(alarm: Described, change: Change) -> str:
    """Return the message's subject, cut to SNS's limit of 100 characters."""
    return f'{change.after}: "{alarm["AlarmName"]}" in {region_name(change.region)}'[:_SUBJECT_LENGTH]


def metric_message(alarm: Described, change: Change) -> str:
    """Return the message for a metric alarm, given as DescribeAlarms describes it."""
    return json.dumps({**_common(alarm, change), "Trigger": _trigger(alarm)})


def composite_message(alarm: Described, change: Change, children: Iterable[Described]) -> str:
    """Return the message for a composite alarm.

    `children` are the described alarms that changed it.
    """
    triggering = [
        {
            "Arn": child["AlarmArn"],
            "State": {"Value": child["StateValue"], "Timestamp": format_time(child["StateUpdatedTimestamp"])},
        }
        for child in children
    ]
    return json.dumps({**_common(alarm, change), "AlarmRule": alarm["AlarmRule"], "TriggeringChildren": triggering})


def format_time(at_s: float) -> str:
    """Format a time as CloudWatch does: `2026-01-25T22:46:00.608+0000`."""
    at = datetime.fromtimestamp(at_s, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


@lru_cache
def region_name(region: str) -> str:
    """Return a region's name in messages, such as EU (Ireland).

    An unknown region keeps its code.
    """
    resolver = botocore.session.get_session().get_component("endpoint_resolver")
    for partition in resolver.get_available_partitions():
        data = next(each for each in resolver._endpoint_data["partitions"] if each["partition"] == partition)  # noqa: SLF001 - botocore publishes the names nowhere else
        if region in data["regions"]:
            return str(data["regions"][region]["description"]).replace("Europe (", "EU (")
    return region


def _common(alarm: Described, change: Change) -> dict[str, Any]:
    return {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": change.account_id,
        "AlarmConfigurationUpdatedTimestamp": format_time(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": change.after,
        "NewStateReason": change.reason,
        "StateChangeTime": format_time(change.at_s),
        "Region": region_name(change.region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": change.before,
        **{actions: list(alarm.get(actions) or ()) for actions in _ACTIONS},
    }


def _trigger(alarm: Described) -> dict[str, Any]:
    how = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm.get("Threshold"),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if how["DatapointsToAlarm"] is None:
        del how["DatapointsToAlarm"]
    if alarm.get("Metrics"):
        return {"Period": _period(alarm["Metrics"]), **how, "Metrics": [_query(each) for each in alarm["Metrics"]]}
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        **_statistic(alarm),
        "Unit": alarm.get("Unit"),
        "Dimensions": _dimensions(alarm),
        "Period": alarm["Period"],
        **how,
    }


def _statistic(alarm: Described) -> dict[str, str]:
    if extended := alarm.get("ExtendedStatistic"):
        return {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": str(extended)}
    # Messages write the statistic in capitals: SAMPLE_COUNT for SampleCount.
    names = {"SampleCount": "SAMPLE_COUNT"}
    statistic = str(alarm.get("Statistic") or "Average")
    return {"StatisticType": "Statistic", "Statistic": names.get(statistic, statistic.upper())}


def _query(entry: Described) -> dict[str, Any]:
    shown = {name: entry[name] for name in ("Expression", "Id", "Label") if entry.get(name)}
    returns = str(entry.get("ReturnData", "true")).lower() == "true"
    if stat := entry.get("MetricStat"):
        metric = stat["Metric"]
        shown["MetricStat"] = {
            "Metric": {
                "Dimensions": _dimensions(metric),
                "MetricName": metric["MetricName"],
                "Namespace": metric["Namespace"],
            },
            "Period": int(stat["Period"]),
            "Stat": stat["Stat"],
        }
    return {**shown, "ReturnData": returns}


def _period(queries: Iterable[Described]) -> int:
    return max((int(each["MetricStat"]["Period"]) for each in queries if each.get("MetricStat")), default=60)


def _dimensions(metric: Described) -> list[dict[str, str]]:
    return [{"value": each["Value"], "name": each["Name"]} for each in metric.get("Dimensions") or ()]
