"""Monitoring of the cloud: metrics, the actions of alarms, and the scaling that follows.

Imports `tailrace_local.cloud.ministack`, `cloudwatch`, `autoscaling` and `emulator_base`.
"""

from tailrace_local.cloud.monitoring.monitor import Monitor

__all__ = ["Monitor"]
