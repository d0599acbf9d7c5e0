"""The two alarms that a target tracking policy creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_local.autoscaling.capacity import LOW_SHARE
from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import Policy

HIGH_PERIODS, LOW_PERIODS = 3, 15
"""Minutes above, and below, the target until AWS's own alarms are in ALARM."""


def tracking_alarms(policy: Policy, new_id: str) -> dict[str, dict[str, Any]]:
    """Return PutMetricAlarm's arguments, by `high` and `low`.

    Raises:
        ScalingError: the policy uses a predefined metric, which no asynchronous endpoint publishes,
            or metric math.
    """
    configuration = policy.configuration
    metric = configuration.get("CustomizedMetricSpecification")
    if not metric or metric.get("Metrics"):
        raise ScalingError(
            "Only a CustomizedMetricSpecification of one metric is emulated: asynchronous endpoints publish none of "
            "the predefined metrics"
        )
    value = float(configuration["TargetValue"])
    name = f"TargetTracking-{policy.target[1]}"
    high = _alarm(f"{name}-AlarmHigh-{new_id}", policy, metric)
    high |= {"EvaluationPeriods": HIGH_PERIODS, "Threshold": value, "ComparisonOperator": "GreaterThanThreshold"}
    alarms = {"high": high}
    if not configuration.get("DisableScaleIn"):
        low = _alarm(f"{name}-AlarmLow-{new_id}", policy, metric)
        low |= {"EvaluationPeriods": LOW_PERIODS, "Threshold": value * LOW_SHARE}
        alarms["low"] = low | {"ComparisonOperator": "LessThanThreshold"}
    return alarms


def _alarm(name: str, policy: Policy, metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
        "Namespace": metric["Namespace"],
        "MetricName": metric["MetricName"],
        "Dimensions": list(metric.get("Dimensions", ())),
        "Statistic": metric["Statistic"],
        "Period": 60,
        "AlarmActions": [policy.arn],
    }
