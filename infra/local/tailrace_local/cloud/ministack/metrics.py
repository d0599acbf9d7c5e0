"""MiniStack's datapoints: put, read, forgotten."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Sequence

from tailrace_local.cloud.ministack.patching import replace
from tailrace_local.cloudwatch import Point


class MiniStackMetrics:
    """The store behind PutMetricData, of the account and region that the thread speaks for."""

    def __init__(self) -> None:
        self._cloudwatch = importlib.import_module("ministack.services.cloudwatch")
        self._lambda = importlib.import_module("ministack.services.lambda_svc")

    def put(
        self, namespace: str, name: str, dimensions: dict[str, str], values: Sequence[float], unit: str, at_s: float
    ) -> None:
        """Put values of one metric."""
        counts = [1.0] * len(values)
        self._cloudwatch._store_datum(namespace, name, dimensions, at_s, unit, None, values, counts, None)  # noqa: SLF001

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterator[Point]:
        """What was put for exactly these dimensions."""
        key = namespace, name, self._cloudwatch._dims_key(dict(dimensions))  # noqa: SLF001 - no public way in
        for point in list(self._cloudwatch._metrics.get(key) or ()):  # noqa: SLF001 - as above
            count, total, minimum, maximum = self._cloudwatch._point_stats(point)  # noqa: SLF001 - as above
            yield Point(float(point["Timestamp"]), count, total, minimum, maximum, str(point["Unit"]))

    def forget_before(self, at_s: float) -> None:
        """Drop older datapoints, in place: others append meanwhile."""
        for points in self._cloudwatch._metrics.values():  # noqa: SLF001 - no public way in
            old = next((n for n, point in enumerate(points) if point["Timestamp"] >= at_s), len(points))
            del points[:old]

    def count_functions_ourselves(self) -> None:
        """Have MiniStack count no invocation but those that it throttles: it misses those that queues cause."""

        def emit(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: FBT001 - its form
            del duration_ms, error
            if throttle:
                self.put("AWS/Lambda", "Throttles", {"FunctionName": function_name}, [1.0], "Count", time.time())

        replace(self._lambda, "_emit_lambda_metrics", emit)
