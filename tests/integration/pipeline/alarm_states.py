"""The states of the stack's alarms."""

from __future__ import annotations

from tailrace_local.testing import RunningCloud

TIME_SCALE = 1 / 60
"""An alarm's minute takes a second."""


def state_of(cloud: RunningCloud, alarm: str) -> str:
    """Return the state of the alarm with this logical id."""
    pages = cloud.client("cloudwatch").get_paginator("describe_alarms").paginate()
    (found,) = (each for page in pages for each in page["MetricAlarms"] if f"-{alarm}-" in f"{each['AlarmName']}-")
    return str(found["StateValue"])
