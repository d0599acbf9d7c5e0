"""The metrics of AWS/Lambda for each invocation, and the embedded metrics in functions' logs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.ministack.cloudwatch.metrics import Put
from tailrace_local.cloud.ministack.functions import Execute

_log = logging.getLogger("tailrace.cloud.monitoring")


@dataclass(frozen=True)
class EmbeddedMetric:
    """One metric of a line in CloudWatch's embedded metric format."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    values: list[float]
    unit: str
    at_s: float


class MeteredFunctions:
    """Executes functions, and publishes the metrics of each invocation."""

    def __init__(self, execute: Execute, put: Put) -> None:
        self._execute = execute
        self._put = put
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def execute(self, record: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """Invoke a function, given by MiniStack's record; returns MiniStack's result."""
        name = str((record.get("config") or record).get("FunctionName", ""))
        with self._lock:
            self._running[name] += 1
            running = self._running[name]
        started = time.monotonic()
        try:
            result = self._execute(record, event, request_id)
        finally:
            with self._lock:
                self._running[name] -= 1
        self._measure(name, running, 1000 * (time.monotonic() - started), result)
        return result

    def _measure(self, name: str, running: int, duration_ms: float, result: dict[str, Any]) -> None:
        now, function = time.time(), {"FunctionName": name}
        self._put("AWS/Lambda", "Invocations", function, [1.0], "Count", now)
        self._put("AWS/Lambda", "Errors", function, [float(bool(result.get("error")))], "Count", now)
        self._put("AWS/Lambda", "Duration", function, [duration_ms], "Milliseconds", now)
        self._put("AWS/Lambda", "ConcurrentExecutions", function, [float(running)], "Count", now)
        for each in read_embedded_metrics(str(result.get("log") or "")):
            self._put(each.namespace, each.name, each.dimensions, each.values, each.unit, each.at_s)


def read_embedded_metrics(log: str) -> Iterator[EmbeddedMetric]:
    """Yield the metrics in a function's output.

    Malformed lines are skipped, as by CloudWatch, and logged.
    """
    for line in log.splitlines():
        if '"_aws"' not in line:
            continue
        try:
            yield from _of(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("a line with embedded metrics cannot be read (%s): %.200s", error, line)


def _of(found: dict[str, Any]) -> Iterator[EmbeddedMetric]:
    about = found["_aws"]
    at_s = float(about["Timestamp"]) / 1000
    for directive in about["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(found[name]) for name in names}
            for metric in directive["Metrics"]:
                value = found[metric["Name"]]
                values = [float(each) for each in (value if isinstance(value, list) else [value])]
                unit = str(metric.get("Unit", "None"))
                yield EmbeddedMetric(directive["Namespace"], metric["Name"], dimensions, values, unit, at_s)
