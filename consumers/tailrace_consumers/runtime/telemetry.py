"""Logs and metrics of one function: what became of each message, and why those failed that did."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, partial
from threading import Lock
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from tailrace_consumers.metrics import Metric
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime import gc_tuning
from tailrace_consumers.runtime.batches import Record, process_batch
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_core.errors import ContractError, TailraceError

HandledMessage = tuple[Outcome, str]
"""What became of a message, and what it was about."""

WARNING_OUTCOMES = frozenset({Outcome.UNKNOWN_CHUNK, Outcome.REFUSED, Outcome.PARKED})
"""What somebody may want to look into."""

_POWERTOOLS_LOCK = Lock()
"""Held by whoever adds to the metrics or logs, which Powertools leaves to one thread at a time."""


@cache
def logger() -> Logger:
    """The function's logger; service and level come from Powertools' environment variables."""
    return Logger()


@cache
def metrics() -> Metrics:
    """The function's metrics, in the embedded format. A dimension tells the stacks of one account apart."""
    made = Metrics()
    stack = os.environ.get("TAILRACE_STACK")
    if stack:
        made.set_default_dimensions(stack=stack)
    return made


class EmbeddedMeter:
    """Measurements on the function's log, with the other metrics of the same event."""

    def record(self, metric: str, value: float) -> None:
        """Add the value to those that are flushed when the event has been handled."""
        unit = MetricUnit.Milliseconds if metric == Metric.SETTLE_LATENCY else MetricUnit.Count
        with _POWERTOOLS_LOCK:
            metrics().add_metric(name=str(metric), unit=unit, value=value)


def process_serially(event: dict[str, Any], handle: Callable[[str], HandledMessage]) -> Any:
    """Hand each message's body to ``handle``, which says what became of it and what it was about.

    Returns the partial response.
    """
    return _process(event, lambda record: handle(record.body))


def process_concurrently(
    event: dict[str, Any], handle: Callable[[Record], HandledMessage], deferred: DeferredCompletion, *, concurrency: int
) -> Any:
    """The same of whole records, ``concurrency`` at once; ``looks`` that were put off are made up for in the end.

    Several threads call ``handle``. It raises `DeferToSerialError` for a message to be handled alone.
    """
    return _process(event, handle, partial(deferred.flush, _report_failure), concurrency)


def _process(
    event: dict[str, Any],
    handle: Callable[[Record], HandledMessage],
    finish: Callable[[], Collection[str]] = tuple,
    concurrency: int = 1,
) -> Any:
    def one(record: Record) -> None:
        try:
            outcome, subject = handle(record)
        except Exception as exc:
            if record.serial or not isinstance(exc, DeferToSerialError):
                _report_failure(exc, message_id=record.message_id)
            raise
        with _POWERTOOLS_LOCK:
            metrics().add_metric(name=outcome.value, unit=MetricUnit.Count, value=1)
            log = logger().warning if outcome in WARNING_OUTCOMES else logger().info
            log(outcome.value, extra={"subject": subject, "message_id": record.message_id})

    try:
        return process_batch(event, one, finish, concurrency=concurrency)
    finally:
        with _POWERTOOLS_LOCK:
            metrics().flush_metrics()
        gc_tuning.resume_collection()


def report_run(found: Mapping[Any, int], errors: Iterable[str]) -> dict[str, int]:
    """Count what a run found, and log it with its errors; the counts by name."""
    counts = {str(name): count for name, count in found.items()}
    for name, count in counts.items():
        metrics().add_metric(name=name, unit=MetricUnit.Count, value=count)
    for error in errors:
        logger().error("overdue and not mended", extra={"reason": error[:2000]})
    logger().info("looked at what is overdue", extra={"found": counts})
    metrics().flush_metrics()
    gc_tuning.resume_collection()
    return counts


def _report_failure(exc: Exception, message_id: str | None = None) -> None:
    name = Metric.MESSAGES_UNDECODABLE if isinstance(exc, ContractError) else Metric.MESSAGES_FAILED
    details = {"message_id": message_id, "error": type(exc).__name__, "reason": str(exc)[:2000]}
    with _POWERTOOLS_LOCK:
        metrics().add_metric(name=name.value, unit=MetricUnit.Count, value=1)
        # A stack trace says something only where none was foreseen.
        logger().error("message failed", extra=details, exc_info=not isinstance(exc, TailraceError))
