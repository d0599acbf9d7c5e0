"""SageMaker's metrics of asynchronous endpoints and of the instances behind them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tailrace_local.sagemaker.hosting.endpoints import Endpoint
from tailrace_local.sagemaker.ports import MetricDatum

UNITS = {
    "ExpiredRequests": "Count",
    "InvocationFailures": "Count",
    "NotificationFailures": "Count",
    "RequestDownloadFailures": "Count",
    "ResponseUploadFailures": "Count",
    "Invocation4XXErrors": "Count",
    "Invocation5XXErrors": "Count",
    "TimeInBacklog": "Milliseconds",
    "TotalProcessingTime": "Milliseconds",
    "RequestDownloadLatency": "Microseconds",
    "ResponseUploadLatency": "Microseconds",
    "ModelLatency": "Microseconds",
}
INSTANCE_NAMESPACE = "/aws/sagemaker/Endpoints"
_PER_SECOND = {"Count": 1.0, "Milliseconds": 1e3, "Microseconds": 1e6}


class MetricBuffer:
    """Collects the variant-level values of a period."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def count(self, endpoint: str, variant: str, name: str) -> None:
        """Count one more of the metric `name`."""
        self._values[endpoint, variant, name].append(1.0)

    def record_duration(self, endpoint: str, variant: str, name: str, seconds: float) -> None:
        """Record a duration, in the metric's own unit."""
        self._values[endpoint, variant, name].append(max(0.0, seconds) * _PER_SECOND[UNITS[name]])

    def collect(self) -> list[MetricDatum]:
        """Return the period's values, and begin a new period."""
        values, self._values = self._values, defaultdict(list)
        return [
            MetricDatum(name, {"EndpointName": endpoint, "VariantName": variant}, found, UNITS[name])
            for (endpoint, variant, name), found in values.items()
        ]


def endpoint_metrics(endpoints: Iterable[Endpoint], now_s: float) -> list[MetricDatum]:
    """Return the endpoint-level metrics, whose only dimension is EndpointName.

    An endpoint without instances has no ApproximateBacklogSizePerInstance: there is nothing to
    divide by.
    """
    return [datum for endpoint in endpoints for datum in _endpoint_data(endpoint, now_s)]


def _endpoint_data(endpoint: Endpoint, now_s: float) -> list[MetricDatum]:
    deployment = endpoint.deployment
    if deployment is None or deployment.asynchronous is None:
        return []
    size, instances = endpoint.backlog.size, deployment.ready_count
    found: list[tuple[str, float, str]] = [
        ("ApproximateBacklogSize", size, "Count"),
        ("ApproximateAgeOfOldestRequest", endpoint.backlog.oldest_age_s(now_s), "Seconds"),
        ("HasBacklogWithoutCapacity", float(size > 0 and instances == 0), "Count"),
    ]
    if instances:
        found.append(("ApproximateBacklogSizePerInstance", size / instances, "Count"))
    return [MetricDatum(name, {"EndpointName": endpoint.name}, [float(value)], unit) for name, value, unit in found]


def instance_metrics(endpoints: Iterable[Endpoint]) -> list[MetricDatum]:
    """Return CPUUtilization, as on AWS: a value for each instance in service.

    So instances can be counted. The value is the share of the instance's slots that are in use, in
    per cent, not a measurement of the processor.
    """
    return [datum for endpoint in endpoints for datum in _instance_data(endpoint)]


def _instance_data(endpoint: Endpoint) -> Iterator[MetricDatum]:
    for variant, fleet in (endpoint.deployment.fleets if endpoint.deployment else {}).items():
        values = [100.0 * each.in_flight / fleet.plan.slots for each in fleet.instances if each.ready]
        if values:
            dimensions = {"EndpointName": endpoint.name, "VariantName": variant}
            yield MetricDatum("CPUUtilization", dimensions, values, "Percent", INSTANCE_NAMESPACE)
