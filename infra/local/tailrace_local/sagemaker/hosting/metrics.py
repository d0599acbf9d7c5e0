"""The metrics that SageMaker publishes for asynchronous endpoints and for the instances behind them."""

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
        """One more of `name`."""
        self._values[endpoint, variant, name].append(1.0)

    def record_duration(self, endpoint: str, variant: str, name: str, seconds: float) -> None:
        """A duration, put in the metric's own unit."""
        self._values[endpoint, variant, name].append(max(0.0, seconds) * _PER_SECOND[UNITS[name]])

    def collect(self) -> list[MetricDatum]:
        """The period's values; a new period begins."""
        values, self._values = self._values, defaultdict(list)
        return [
            MetricDatum(name, {"EndpointName": endpoint, "VariantName": variant}, found, UNITS[name])
            for (endpoint, variant, name), found in values.items()
        ]


def endpoint_metrics(endpoints: Iterable[Endpoint], now_s: float) -> list[MetricDatum]:
    """The endpoint-level metrics, whose only dimension is EndpointName.

    Without instances ApproximateBacklogSizePerInstance is not published: there is nothing to divide by.
    """
    return [datum for endpoint in endpoints for datum in _of(endpoint, now_s)]


def _of(endpoint: Endpoint, now_s: float) -> list[MetricDatum]:
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
    """CPUUtilization with a value for each instance in service, as on AWS, so that their number can be counted.

    What is measured is not the processor but the share of the instance's slots that are occupied.
    """
    return [datum for endpoint in endpoints for datum in _hosts_of(endpoint)]


def _hosts_of(endpoint: Endpoint) -> Iterator[MetricDatum]:
    for variant, fleet in (endpoint.deployment.fleets if endpoint.deployment else {}).items():
        values = [100.0 * each.in_flight / fleet.plan.slots for each in fleet.instances if each.ready]
        if values:
            dimensions = {"EndpointName": endpoint.name, "VariantName": variant}
            yield MetricDatum("CPUUtilization", dimensions, values, "Percent", INSTANCE_NAMESPACE)
