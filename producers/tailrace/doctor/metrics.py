"""Metrics of CloudWatch over the last minutes."""

from __future__ import annotations

from datetime import UTC, datetime

from tailrace.doctor.deployment import Deployment
from tailrace_core.aws.calls import Call, Steps


def metric(
    stack: Deployment, namespace: str, name: str, dimensions: dict[str, str], statistic: str, within_s: int
) -> Steps[float | None]:
    """Return a statistic of a metric over the last seconds; None without data."""
    now = stack.now()
    answer = yield Call(
        "cloudwatch",
        "get_metric_statistics",
        {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            "StartTime": datetime.fromtimestamp(now - within_s, UTC),
            "EndTime": datetime.fromtimestamp(now, UTC),
            "Period": 60,
            "Statistics": [statistic],
        },
    )
    points = [float(point[statistic]) for point in answer["Datapoints"]]
    if not points:
        return None
    return sum(points) if statistic == "Sum" else max(points)
