"""SageMaker's metrics of endpoints and of the instances behind them."""

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
    "Invocation4XXErrors": "None",
    "Invocation5XXErrors": "None",
    "InvocationModelErrors": "None",
    "Invocations": "None",
    "InvocationsPerInstance": "None",
    "TimeInBacklog": "Milliseconds",
    "TotalProcessingTime": "Milliseconds",
    "RequestDownloadLatency": "Microseconds",
    "ResponseUploadLatency": "Microseconds",
    "ModelLatency": "Microseconds",
    "OverheadLatency": "Microseconds",
    "ModelSetupTime": "Microseconds",
    "ServerlessConcurrentExecutionsUtilization": "None",
    "ServerlessProvisionedConcurrencyExecutions": "Count",
    "ServerlessProvisionedConcurrencyUtilization": "None",
    "ServerlessProvisionedConcurrencyInvocations": "Count",
    "ServerlessProvisionedConcurrencySpilloverInvocations": "Count",
}
INSTANCE_NAMESPACE = "/aws/sagemaker/Endpoints"
_PER_SECOND = {"Milliseconds": 1e3, "Microseconds": 1e6}


class MetricBuffer:
    """Collects the variant-level values of a period."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def count(self, endpoint: str, variant: str, name: str, value: float = 1.0) -> None:
        """Add `value` to the metric `name`: 1 counts one more, 0 a case that did not occur."""
        self._values[endpoint, variant, name].append(value)

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
    """Return CPUUtilization and ConcurrentRequestsPerModel: a value for each instance in service.

    Serverless variants have neither. So instances can be counted by CPUUtilization. Its value is
    the share of the instance's slots that are in use, in per cent, not a measurement of the
    processor. Of the concurrent requests to a real-time endpoint it is the highest number since the
    last call, also when there were none: policies that track it scale in.
    """
    return [datum for endpoint in endpoints for datum in _instance_data(endpoint)]


def _instance_data(endpoint: Endpoint) -> Iterator[MetricDatum]:
    deployment = endpoint.deployment
    for variant, fleet in (deployment.fleets if deployment else {}).items():
        if deployment is None or deployment.serverless(variant):
            continue
        dimensions = {"EndpointName": endpoint.name, "VariantName": variant}
        ready = [instance for instance in fleet.instances if instance.ready]
        if ready:
            values = [min(100.0, 100.0 * each.in_flight / fleet.plan.slots) for each in ready]
            yield MetricDatum("CPUUtilization", dimensions, values, "Percent", INSTANCE_NAMESPACE)
        if ready and deployment.asynchronous is None:
            peaks = [float(instance.take_peak()) for instance in ready]
            yield MetricDatum("ConcurrentRequestsPerModel", dimensions, peaks, "Count", high_resolution=True)
