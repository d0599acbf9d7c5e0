"""What the service keeps: scalable targets, their policies and scheduled actions, and what was done."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT_ACTIVITIES = 500
KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
TargetKey = tuple[str, str, str]


@dataclass(slots=True)
class Target:
    """A scalable target. Times are seconds since the epoch."""

    key: TargetKey
    arn: str
    minimum: int
    maximum: int
    role_arn: str
    created_s: float
    suspended: dict[str, bool]

    @property
    def variant(self) -> tuple[str, str]:
        """Endpoint and variant of ``endpoint/<name>/variant/<variant>``."""
        _, endpoint, _, variant = self.key[1].split("/")
        return endpoint, variant

    def bounded(self, capacity: int) -> int:
        """The capacity within the target's bounds."""
        return min(max(capacity, self.minimum), self.maximum)


@dataclass(slots=True)
class Policy:
    """A scaling policy. ``alarms`` are the names of those that a tracking policy made for itself."""

    name: str
    arn: str
    target: TargetKey
    kind: str
    configuration: Mapping[str, Any]
    created_s: float
    alarms: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """One change of capacity, or the attempt."""

    id: str
    target: TargetKey
    policy: str
    before: int
    after: int
    cause: str
    at_s: float
    status: str
    message: str

    @property
    def out(self) -> bool:
        """Whether it added capacity."""
        return self.after > self.before


@dataclass(slots=True)
class Records:
    """Everything, by its identity."""

    targets: dict[TargetKey, Target] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    scheduled: dict[tuple[TargetKey, str], dict[str, Any]] = field(default_factory=dict)
    activities: deque[Activity] = field(default_factory=lambda: deque(maxlen=KEPT_ACTIVITIES))

    def policies_of(self, target: TargetKey) -> list[Policy]:
        """The policies of a target."""
        return [policy for policy in self.policies.values() if policy.target == target]

    def last(self, target: TargetKey, *, out: bool) -> Activity | None:
        """The last successful change in one direction."""
        found = (each for each in reversed(self.activities) if each.target == target and each.status == "Successful")
        return next((each for each in found if each.out is out), None)
