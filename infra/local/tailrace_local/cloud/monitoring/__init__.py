"""Monitoring of the cloud: its metrics, the actions of its alarms, and the scaling that follows them.

Imports `tailrace_local.cloud.ministack`, `cloudwatch`, `autoscaling` and `emulation`.
"""

from tailrace_local.cloud.monitoring.monitor import Monitor

__all__ = ["Monitor"]
