"""Application Auto Scaling for the variants of SageMaker endpoints: steps, target tracking, cooldowns, bounds.

`capacity` decides and is pure; `Scaler` acts on what an alarm says; `ScalingApi` answers the service's operations.
"""

from tailrace_local.autoscaling.api import ScalingApi
from tailrace_local.autoscaling.ports import AlarmClient, Capacity
from tailrace_local.autoscaling.scaler import Scaler

__all__ = ["AlarmClient", "Capacity", "Scaler", "ScalingApi"]
