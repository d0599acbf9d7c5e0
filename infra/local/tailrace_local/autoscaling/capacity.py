"""The capacity that a policy demands. Pure; `Scaler` applies bounds and cooldowns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LOW_SHARE = 0.9
"""Target tracking scales in below this share of its target, as in the alarms that AWS creates."""


def step_scaling_capacity(configuration: Mapping[str, Any], capacity: int, beyond: float) -> int:
    """Return step scaling's capacity for a metric that is `beyond` the alarm's threshold.

    Source: "Step scaling policies" in Application Auto Scaling's user guide: lower bounds are
    inclusive and upper ones exclusive above the threshold, the other way round below it; no step
    for the value means no change.
    """
    for step in configuration.get("StepAdjustments", ()):
        lower = float(step.get("MetricIntervalLowerBound", -math.inf))
        upper = float(step.get("MetricIntervalUpperBound", math.inf))
        inside = lower <= beyond < upper if beyond >= 0 else lower < beyond <= upper
        if inside:
            return _adjusted(configuration, capacity, int(step["ScalingAdjustment"]))
    return capacity


def target_tracking_capacity(target_value: float, capacity: int, value: float) -> int:
    """Return the capacity at which the metric would be at its target, if the load is shared evenly.

    AWS does not publish its formula; a metric per instance times the instances over the target,
    rounded up, is what its documentation describes ("changes in proportion"). Without instances
    there is nothing per instance to track.
    """
    return math.ceil(capacity * value / target_value) if capacity else 0


def _adjusted(configuration: Mapping[str, Any], capacity: int, adjustment: int) -> int:
    match configuration.get("AdjustmentType"):
        case "ExactCapacity":
            return adjustment
        case "PercentChangeInCapacity":
            change = capacity * adjustment / 100
            # Below one instance round away from zero, otherwise towards it.
            whole = math.copysign(max(1.0, math.floor(abs(change))), change) if change else 0.0
            least = int(configuration.get("MinAdjustmentMagnitude", 0))
            return capacity + int(math.copysign(max(abs(whole), least), adjustment))
    return capacity + adjustment
