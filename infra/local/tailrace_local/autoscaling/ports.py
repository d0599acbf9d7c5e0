"""What scaling needs of others."""

from __future__ import annotations

from typing import Any, Protocol


class Capacity(Protocol):
    """The instances of endpoints' variants."""

    def read(self, endpoint: str, variant: str) -> int:
        """How many are wanted now. Raises ScalingError when there is no such variant."""
        ...

    def change(self, endpoint: str, variant: str, count: int) -> None:
        """Ask for that many. Raises ScalingError when the service refuses, as it does during an update."""
        ...

    def settled(self, endpoint: str, variant: str) -> bool:
        """Whether what was asked for is in service. Raises ScalingError when it will not be."""
        ...


class AlarmClient(Protocol):
    """CloudWatch's alarms."""

    def put(self, alarm: dict[str, Any]) -> None:
        """PutMetricAlarm."""
        ...

    def delete(self, names: list[str]) -> None:
        """DeleteAlarms."""
        ...


class ScalingError(Exception):
    """What the service refuses; the message is its own."""
