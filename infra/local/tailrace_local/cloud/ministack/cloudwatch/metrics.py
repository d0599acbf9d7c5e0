"""CloudWatch's datapoints in MiniStack: put, read and dropped.

And a patch of Lambda's own metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloudwatch import Point

Put = Callable[[str, str, dict[str, str], list[float], str, float], None]
"""Stores a datapoint: namespace, name, dimensions, values, unit, seconds since the epoch."""

_CLOUDWATCH = PrivateModule(
    "ministack.services.cloudwatch",
    "_store_datum(namespace, name, dims, ts, unit, value, values, counts, stat_values)",
    "_metrics: AccountRegionScopedDict",
    "_dims_key(dims)",
    "_point_stats(pt)",
)
_LAMBDA_METRICS = Patch(
    "ministack.services.lambda_svc",
    "_emit_lambda_metrics(function_name, duration_ms, error, throttle)",
    corrects="MiniStack counts no invocation that a queue causes.",
    why="Alarms on a function's errors would stay silent; the cloud counts every invocation where it executes them.",
    until="MiniStack lets an embedding process execute functions, or counts every invocation once.",
)


class MiniStackMetrics:
    """The datapoints of the account and region that the thread speaks for."""

    def __init__(self) -> None:
        self._cloudwatch = _CLOUDWATCH.load()

    def put(
        self, namespace: str, name: str, dimensions: dict[str, str], values: Sequence[float], unit: str, at_s: float
    ) -> None:
        """Put values of one metric."""
        counts = [1.0] * len(values)
        self._cloudwatch._store_datum(namespace, name, dimensions, at_s, unit, None, values, counts, None)

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterator[Point]:
        """Yield the datapoints of exactly these dimensions."""
        key = namespace, name, self._cloudwatch._dims_key(dict(dimensions))
        for point in list(self._cloudwatch._metrics.get(key) or ()):
            count, total, minimum, maximum = self._cloudwatch._point_stats(point)
            yield Point(float(point["Timestamp"]), count, total, minimum, maximum, str(point["Unit"]))

    def drop_before(self, at_s: float) -> None:
        """Drop older datapoints.

        Lists are changed in place, because other threads append to them.
        """
        for points in self._cloudwatch._metrics.values():
            old = next((n for n, point in enumerate(points) if point["Timestamp"] >= at_s), len(points))
            del points[:old]

    def stop_counting_functions(self) -> None:
        """Have MiniStack count only the invocations that it throttles.

        The cloud counts all others.
        """

        def emit(
            _original: Callable[..., None],
            function_name: str,
            duration_ms: float,
            error: bool,  # noqa: FBT001 - MiniStack's parameters
            throttle: bool,  # noqa: FBT001
        ) -> None:
            del duration_ms, error
            if throttle:
                self.put("AWS/Lambda", "Throttles", {"FunctionName": function_name}, [1.0], "Count", time.time())

        _LAMBDA_METRICS.wrap(emit)
