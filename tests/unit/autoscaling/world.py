"""The service over an endpoint that does at once what it is asked, and a clock that is moved by hand."""

from __future__ import annotations

from itertools import count
from typing import Any

from tailrace_local.autoscaling import Scaler, ScalingApi
from tailrace_local.autoscaling.operations import Operations
from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import Records

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


class World:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.instances = 0
        self.updating = False
        self.alarms: dict[str, dict[str, Any]] = {}
        ids = count()
        records = Records()
        new_id = lambda: f"id{next(ids)}"  # noqa: E731 - a name for a counter
        self.scaler = Scaler(records, self, now=lambda: self.now, new_id=new_id)
        arn = "arn:aws:application-autoscaling:eu-west-1:123456789012"
        operations = Operations(records, self.scaler, self, arn=arn, now=lambda: self.now, new_id=new_id)
        self.call = ScalingApi(operations.table()).call

    def read(self, endpoint: str, variant: str) -> int:
        assert (endpoint, variant) == ("demand", "AllTraffic")
        return self.instances

    def change(self, endpoint: str, variant: str, count: int) -> None:
        del endpoint, variant
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

    def speak(self, arn: str, which: str, value: float) -> None:
        """An alarm of a tracking policy speaks."""
        (name,) = [name for name in self.alarms if f"Alarm{which}" in name]
        self.scaler.alarmed(arn, name, value, self.alarms[name]["Threshold"])

    def activities(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})[
            "ScalingActivities"
        ]
        return shown
