"""boto3 adapters for the services that Application Auto Scaling calls."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import DIMENSIONS, PROVISIONED_CONCURRENCY


class EndpointCapacity:
    """Variants' capacities, by DescribeEndpoint and UpdateEndpointWeightsAndCapacities."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def read(self, endpoint: str, variant: str, dimension: str) -> int:
        """Return the desired capacity."""
        _, shown = self._described(endpoint, variant)
        found = shown.get("DesiredInstanceCount")
        if dimension == PROVISIONED_CONCURRENCY:
            serverless = shown.get("DesiredServerlessConfig") or shown.get("CurrentServerlessConfig") or {}
            found = serverless.get("ProvisionedConcurrency")
        if found is None:
            raise ScalingError(f"the variant {variant} of {endpoint} has no {DIMENSIONS[dimension]}")
        return int(found)

    def settled(self, endpoint: str, variant: str, dimension: str) -> bool:  # noqa: ARG002 - the port's
        """Return whether the endpoint is in service again, with the change made or rolled back."""
        status, _ = self._described(endpoint, variant)
        if status == "Failed":
            raise ScalingError(f"endpoint {endpoint} failed")
        return status == "InService"

    def change(self, endpoint: str, variant: str, dimension: str, count: int) -> None:
        """Set the desired capacity."""
        wanted: dict[str, Any] = {"DesiredInstanceCount": count}
        if dimension == PROVISIONED_CONCURRENCY:
            wanted = {"ServerlessUpdateConfig": {"ProvisionedConcurrency": count}}
        try:
            self._sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": variant, **wanted}]
            )
        except (BotoCoreError, ClientError) as error:
            raise ScalingError(str(error)) from error

    def _described(self, endpoint: str, variant: str) -> tuple[str, dict[str, Any]]:
        """Return the endpoint's status, and the variant's description."""
        try:
            found = self._sagemaker.describe_endpoint(EndpointName=endpoint)
        except (BotoCoreError, ClientError) as error:
            raise ScalingError(f"{endpoint} cannot be described: {error}") from error
        for shown in found.get("ProductionVariants", ()):
            if shown["VariantName"] == variant:
                return str(found["EndpointStatus"]), shown
        raise ScalingError(f"{endpoint} has no variant {variant}")


class CloudWatchAlarms:
    """CloudWatch's alarms."""

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def put(self, alarm: dict[str, Any]) -> None:
        """Call PutMetricAlarm."""
        self._cloudwatch.put_metric_alarm(**alarm)

    def delete(self, names: list[str]) -> None:
        """Call DeleteAlarms, unless there are no names."""
        if names:
            self._cloudwatch.delete_alarms(AlarmNames=names)
