"""Protocols of the services that scaling uses, and its error."""

from __future__ import annotations

from typing import Any, Protocol


class Capacity(Protocol):
    """The capacities of endpoints' variants, each in a scalable dimension."""

    def read(self, endpoint: str, variant: str, dimension: str) -> int:
        """Return the desired capacity. Raises ScalingError when there is no such variant."""
        ...

    def change(self, endpoint: str, variant: str, dimension: str, count: int) -> None:
        """Set the desired capacity.

        Raises ScalingError when the service refuses, as during an update.
        """
        ...

    def settled(self, endpoint: str, variant: str, dimension: str) -> bool:
        """Return whether the desired capacity is in service.

        Raises ScalingError when it will not be.
        """
        ...


class AlarmClient(Protocol):
    """CloudWatch's alarms."""

    def put(self, alarm: dict[str, Any]) -> None:
        """Put an alarm, given as PutMetricAlarm's arguments."""
        ...

    def delete(self, names: list[str]) -> None:
        """Delete alarms by their names."""
        ...


class ScalingError(Exception):
    """A service refused a call. The message is the service's."""
