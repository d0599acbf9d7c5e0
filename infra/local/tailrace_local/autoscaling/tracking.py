"""The two alarms that a target tracking policy creates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.autoscaling.capacity import LOW_SHARE
from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import INSTANCES, PROVISIONED_CONCURRENCY, Policy

HIGH_PERIODS, LOW_PERIODS = 3, 15
"""Periods above the target until AWS's own alarm is in ALARM, and minutes below it."""
_MINUTE_S = 60


@dataclass(frozen=True)
class TrackedMetric:
    """A metric of SageMaker's that can be tracked, and how the alarms read it."""

    name: str
    statistic: str
    dimension: str
    period_s: int = _MINUTE_S

    def specification(self, endpoint: str, variant: str) -> dict[str, Any]:
        """Return the metric of a variant as PutMetricAlarm's arguments."""
        dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": self.name,
            "Dimensions": dimensions,
            "Statistic": self.statistic,
            "Period": self.period_s,
        }


# Source: "Define a scaling policy" in SageMaker's guide. The metric of high resolution comes every
# ten seconds, and scales out sooner but in at the same pace. AWS does not document the statistics.
PREDEFINED = {
    "SageMakerVariantInvocationsPerInstance": TrackedMetric("InvocationsPerInstance", "Sum", INSTANCES),
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": TrackedMetric(
        "ConcurrentRequestsPerModel", "Maximum", INSTANCES, period_s=10
    ),
    "SageMakerVariantProvisionedConcurrencyUtilization": TrackedMetric(
        "ServerlessProvisionedConcurrencyUtilization", "Maximum", PROVISIONED_CONCURRENCY
    ),
}


def tracking_alarms(policy: Policy, new_id: str) -> dict[str, dict[str, Any]]:
    """Return PutMetricAlarm's arguments, by `high` and `low`.

    Raises:
        ScalingError: the policy uses metric math, or a predefined metric that is not one of the
            target's dimension.
    """
    configuration = policy.configuration
    metric = _specification(policy)
    value, period_s = float(configuration["TargetValue"]), int(metric["Period"])
    name = f"TargetTracking-{policy.target[1]}"
    high = _alarm(f"{name}-AlarmHigh-{new_id}", policy, metric)
    high |= {"EvaluationPeriods": HIGH_PERIODS, "Threshold": value, "ComparisonOperator": "GreaterThanThreshold"}
    alarms = {"high": high}
    if not configuration.get("DisableScaleIn"):
        low = _alarm(f"{name}-AlarmLow-{new_id}", policy, metric)
        low |= {"EvaluationPeriods": LOW_PERIODS * _MINUTE_S // period_s, "Threshold": value * LOW_SHARE}
        alarms["low"] = low | {"ComparisonOperator": "LessThanThreshold"}
    return alarms


def _specification(policy: Policy) -> Mapping[str, Any]:
    given = policy.configuration.get("PredefinedMetricSpecification", {})
    metric = policy.configuration.get("CustomizedMetricSpecification")
    if bool(given) == bool(metric):
        raise ScalingError("Give exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification")
    if metric:
        if metric.get("Metrics"):
            raise ScalingError("Only a CustomizedMetricSpecification of one metric is emulated, and no metric math")
        return {"Dimensions": [], **metric, "Period": metric.get("Period", _MINUTE_S)}
    kind, dimension = given["PredefinedMetricType"], policy.target[2]
    predefined = PREDEFINED.get(kind)
    if predefined is None or predefined.dimension != dimension:
        known = ", ".join(name for name, each in PREDEFINED.items() if each.dimension == dimension)
        raise ScalingError(f"The metric {kind} does not belong to {dimension}: emulated for it are {known}")
    _, endpoint, _, variant = policy.target[1].split("/")
    return predefined.specification(endpoint, variant)


def _alarm(name: str, policy: Policy, metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
        "Namespace": metric["Namespace"],
        "MetricName": metric["MetricName"],
        "Dimensions": list(metric["Dimensions"]),
        "Statistic": metric["Statistic"],
        "Period": metric["Period"],
        "AlarmActions": [policy.arn],
    }
