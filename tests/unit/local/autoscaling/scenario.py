"""The service with a fake endpoint, which scales at once, and a clock that the test sets."""

from __future__ import annotations

from itertools import count
from typing import Any

from tailrace_local.autoscaling import Arns, Scaling, ScalingError

IDENTITY = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/demand/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
LEAVE_ZERO = {
    "PolicyName": "LeaveZero",
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    },
}
FOLLOW = {
    "PolicyName": "FollowBacklog",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5.0,
        "CustomizedMetricSpecification": {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Dimensions": [{"Name": "EndpointName", "Value": "demand"}],
            "Statistic": "Average",
        },
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 900,
    },
}


class ScalingScenario:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.instances = 0
        self.dimension = IDENTITY["ScalableDimension"]
        self.updating = False
        self.starting = False
        self.alarms: dict[str, dict[str, Any]] = {}
        ids = count()
        arns = Arns("aws", "eu-west-1", "123456789012")
        self.scaling = Scaling(arns, self, self, now=lambda: self.now, new_id=lambda: f"id{next(ids)}")
        self.call = self.scaling.api.call

    def handle_alarm(self, policy: str, alarm: str, value: float, threshold: float) -> None:
        """Handle an alarm, and complete the change that it starts."""
        self.scaling.handle_alarm(policy, alarm, value, threshold)
        self.scaling.run_due(self.now)

    def settled(self, endpoint: str, variant: str, dimension: str) -> bool:
        del endpoint, variant, dimension
        return not self.starting

    def read(self, endpoint: str, variant: str, dimension: str) -> int:
        assert (endpoint, variant, dimension) == ("demand", "AllTraffic", self.dimension)
        return self.instances

    def change(self, endpoint: str, variant: str, dimension: str, count: int) -> None:
        del endpoint, variant, dimension
        if self.updating:
            raise ScalingError("Cannot update in-progress endpoint")
        self.instances = count

    def put(self, alarm: dict[str, Any]) -> None:
        self.alarms[alarm["AlarmName"]] = alarm

    def delete(self, names: list[str]) -> None:
        for name in names:
            del self.alarms[name]

    def register(self, minimum: int = 0, maximum: int = 4) -> None:
        self.call("RegisterScalableTarget", {**IDENTITY, "MinCapacity": minimum, "MaxCapacity": maximum})

    def policy(self, policy: dict[str, Any]) -> str:
        return str(self.call("PutScalingPolicy", {**IDENTITY, **policy})["PolicyARN"])

    def tracking_alarm(self, arn: str, which: str, value: float) -> None:
        """Handle an alarm of a tracking policy."""
        (name,) = [name for name in self.alarms if f"Alarm{which}" in name]
        self.handle_alarm(arn, name, value, self.alarms[name]["Threshold"])

    def activities(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})[
            "ScalingActivities"
        ]
        return shown
