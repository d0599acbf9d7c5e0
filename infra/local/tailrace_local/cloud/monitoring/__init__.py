"""What watches the cloud: its metrics, its alarms, and the scaling that follows them."""

from tailrace_local.cloud.monitoring.monitor import Monitor

__all__ = ["Monitor"]
