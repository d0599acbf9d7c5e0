"""AWS::CloudWatch::CompositeAlarm, provisioned by CloudWatch's API.

MiniStack's CloudFormation lacks the type.
"""

from __future__ import annotations

from typing import Any

from tailrace_local.emulator_base.resources import Properties, ProvisionedResource, ResourceHandlers


class CompositeAlarmType:
    """A composite alarm; its physical id is its name."""

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def handlers(self) -> ResourceHandlers:
        """Return the type's handlers."""
        return ResourceHandlers(self.create, self.update, self.delete)

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:
        """Put the alarm."""
        name = str(properties.get("AlarmName") or f"{stack_name}-{logical_id}")
        return self._put(name, properties)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:
        """Put the alarm again; another name makes another alarm."""
        del old, stack_name
        return self._put(str(new.get("AlarmName") or physical_id), new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the alarm."""
        del properties
        self._cloudwatch.delete_alarms(AlarmNames=[physical_id])

    def _put(self, name: str, properties: Properties) -> ProvisionedResource:
        enabled = str(properties.get("ActionsEnabled", "true")).lower() == "true"
        self._cloudwatch.put_composite_alarm(**{**properties, "AlarmName": name, "ActionsEnabled": enabled})
        (found,) = self._cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return name, {"Arn": found["AlarmArn"]}
