"""AWS::CloudWatch::CompositeAlarm, by the emulator's own API, which knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Properties = Mapping[str, Any]
ProvisionedResource = tuple[str, dict[str, Any]]


class CompositeAlarmType:
    """A composite alarm; its physical id is its name."""

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:
        """Put it."""
        name = str(properties.get("AlarmName") or f"{stack_name}-{logical_id}")
        return self._put(name, properties)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:
        """Put it again; another name makes another alarm."""
        del old, stack_name
        return self._put(str(new.get("AlarmName") or physical_id), new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        del properties
        self._cloudwatch.delete_alarms(AlarmNames=[physical_id])

    def _put(self, name: str, properties: Properties) -> ProvisionedResource:
        enabled = str(properties.get("ActionsEnabled", "true")).lower() == "true"
        self._cloudwatch.put_composite_alarm(**{**properties, "AlarmName": name, "ActionsEnabled": enabled})
        (found,) = self._cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return name, {"Arn": found["AlarmArn"]}
