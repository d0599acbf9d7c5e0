"""What watches the cloud: its metrics, its alarms, and the scaling that follows them."""

from tailrace_local.cloud.watching.watch import Watch

__all__ = ["Watch"]
