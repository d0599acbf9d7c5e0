"""Application Auto Scaling for variants of SageMaker endpoints.

Steps, target tracking, schedules, cooldowns, bounds.

`capacity` computes and is pure, `Scaler` acts on alarms, `ScalingApi` answers the service's
operations, and `Scaling` combines them. Imports `tailrace_local.emulator_base`, and ASGI's
responses of `tailrace_local.sagemaker`.
"""

from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.ports import AlarmClient, Capacity, ScalingError
from tailrace_local.autoscaling.service import Scaling

__all__ = ["AlarmClient", "Arns", "Capacity", "Scaling", "ScalingError"]
