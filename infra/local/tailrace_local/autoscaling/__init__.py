"""Application Auto Scaling for variants of SageMaker endpoints: steps, target tracking, schedules, cooldowns, bounds.

`capacity` decides and is pure; `Scaler` acts on what an alarm says; `ScalingApi` answers the service's operations;
`Scaling` puts them together.
"""

from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.ports import AlarmClient, Capacity, ScalingError
from tailrace_local.autoscaling.service import Scaling

__all__ = ["AlarmClient", "Arns", "Capacity", "Scaling", "ScalingError"]
