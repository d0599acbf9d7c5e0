"""The service's records: scalable targets, their policies and scheduled actions, and activities."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tailrace_local.autoscaling.schedule import Schedule

KEPT_ACTIVITIES = 500
KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
TargetKey = tuple[str, str, str]
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
PROVISIONED_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
DIMENSIONS = {INSTANCES: "desired instance count", PROVISIONED_CONCURRENCY: "provisioned concurrency"}
"""Names of a variant's capacity, by scalable dimension, in the words of the activities."""


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
    def variant(self) -> tuple[str, str, str]:
        """Endpoint and variant of `endpoint/<name>/variant/<variant>`, and the dimension."""
        _, endpoint, _, variant = self.key[1].split("/")
        return endpoint, variant, self.key[2]

    def bounded(self, capacity: int) -> int:
        """Return the capacity limited to the target's bounds."""
        return min(max(capacity, self.minimum), self.maximum)


@dataclass(slots=True)
class Policy:
    """A scaling policy. `alarms` are the names of the alarms that a tracking policy made."""

    name: str
    arn: str
    target: TargetKey
    kind: str
    configuration: Mapping[str, Any]
    created_s: float
    alarms: dict[str, str] = field(default_factory=dict)


class Status(StrEnum):
    """An activity's StatusCode."""

    IN_PROGRESS = "InProgress"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"


@dataclass(slots=True)
class Activity:
    """One change of capacity, also one that failed."""

    id: str
    target: TargetKey
    before: int
    after: int
    cause: str
    at_s: float
    status: Status = Status.IN_PROGRESS
    message: str = ""
    end_s: float | None = None

    def __post_init__(self) -> None:
        self.message = self.message or (
            f"Successfully set {self.noun} to {self.after}. Waiting for change to be fulfilled by sagemaker."
        )

    @property
    def noun(self) -> str:
        """Name of the capacity that was changed."""
        return DIMENSIONS[self.target[2]]

    @property
    def out(self) -> bool:
        """True when the change added capacity."""
        return self.after > self.before


@dataclass(slots=True)
class ScheduledAction:
    """A scheduled action, as it is described, and when it was last checked."""

    shown: dict[str, Any]
    schedule: Schedule
    seen_s: float


@dataclass(slots=True)
class Records:
    """All records, by their identities."""

    targets: dict[TargetKey, Target] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    scheduled: dict[tuple[TargetKey, str], ScheduledAction] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    activities: deque[Activity] = field(default_factory=lambda: deque(maxlen=KEPT_ACTIVITIES))

    def policies_of(self, target: TargetKey) -> list[Policy]:
        """Return the policies of a target."""
        return [policy for policy in self.policies.values() if policy.target == target]

    def last(self, target: TargetKey, *, out: bool) -> Activity | None:
        """Return the last change in one direction that did not fail."""
        found = (each for each in reversed(self.activities) if each.target == target and each.status != Status.FAILED)
        return next((each for each in found if each.out is out), None)
