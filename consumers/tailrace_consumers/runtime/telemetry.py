"""Logs and metrics of one function: the outcome of each message, and the reason of each failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, partial
from threading import Lock
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime import gc_tuning
from tailrace_consumers.runtime.batches import Record, process_batch
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_consumers.runtime.grouped_settling import GroupedSettling, PendingSettlement
from tailrace_consumers.runtime.metrics import Metric
from tailrace_core.errors import ContractError, TailraceError

HandledMessage = tuple[Outcome | PendingSettlement, str]
"""The outcome of a message (or what leads to it), and its subject for the log."""

WARNING_OUTCOMES = frozenset(
    {Outcome.UNKNOWN_CHUNK, Outcome.REFUSED, Outcome.PARKED, Outcome.FILE_REFUSED, Outcome.FILE_FAILED}
)
"""Outcomes logged as warnings: somebody may want to investigate them."""

_POWERTOOLS_LOCK = Lock()
"""Held while adding to metrics or logs: Powertools supports one thread at a time."""


@cache
def logger() -> Logger:
    """Return the function's logger.

    Service and level come from Powertools' environment variables.
    """
    return Logger()


@cache
def metrics() -> Metrics:
    """Return the function's metrics, in the embedded format; the stack is a dimension."""
    made = Metrics()
    stack = os.environ.get("TAILRACE_STACK")
    if stack:
        made.set_default_dimensions(stack=stack)
    return made


class EmbeddedMeter:
    """A meter that writes to the function's log, with the event's other metrics."""

    def record(self, metric: str, value: float) -> None:
        """Add the value; it is flushed when the event has been handled."""
        unit = MetricUnit.Milliseconds if metric == Metric.SETTLE_LATENCY else MetricUnit.Count
        with _POWERTOOLS_LOCK:
            metrics().add_metric(name=str(metric), unit=unit, value=value)


def process_serially(event: dict[str, Any], handle: Callable[[str], HandledMessage]) -> Any:
    """Handle messages one after the other and return the partial batch response.

    ``handle`` takes a message's body and returns its outcome and its subject.
    """
    return _process(event, lambda record: handle(record.body))


def process_concurrently(
    event: dict[str, Any],
    handle: Callable[[Record], HandledMessage],
    settling: GroupedSettling,
    deferred: DeferredCompletion,
    *,
    concurrency: int,
) -> Any:
    """Handle up to ``concurrency`` records at once, settle, then run the ``deferred`` checks.

    Several threads call ``handle``. It raises `DeferToSerialError` for a message that is to be
    handled alone. Returns the partial batch response.
    """
    return _process(event, handle, deferred, settling, concurrency)


def _process(
    event: dict[str, Any],
    handle: Callable[[Record], HandledMessage],
    deferred: DeferredCompletion | None = None,
    settling: GroupedSettling | None = None,
    concurrency: int | None = None,
) -> Any:
    subjects: dict[str, str] = {}

    def one(record: Record) -> None:
        try:
            outcome, subject = handle(record)
        except Exception as exc:
            if record.serial or not isinstance(exc, DeferToSerialError):
                _report_failure(exc, message_id=record.message_id)
            raise
        subjects[record.message_id] = subject
        if isinstance(outcome, Outcome):
            report(record.message_id, outcome)
        elif settling is not None:
            settling.add(record.message_id, outcome)

    def report(message_id: str, outcome: Outcome) -> None:
        with _POWERTOOLS_LOCK:
            metrics().add_metric(name=outcome.value, unit=MetricUnit.Count, value=1)
            log = logger().warning if outcome in WARNING_OUTCOMES else logger().info
            log(outcome.value, extra={"subject": subjects[message_id], "message_id": message_id})

    def settle() -> Collection[str]:
        if settling is None or deferred is None:
            return ()
        between = partial(deferred.end_due, _report_failure)
        return settling.flush(report, lambda message, exc: _report_failure(exc, message), between)

    def finish() -> Collection[str]:
        return () if deferred is None else deferred.flush(_report_failure)

    try:
        return process_batch(event, one, finish, settle=settle, concurrency=concurrency)
    finally:
        with _POWERTOOLS_LOCK:
            metrics().flush_metrics()
        gc_tuning.resume_collection()


def report_run(found: Mapping[Any, int], errors: Iterable[str]) -> dict[str, int]:
    """Log and count a reconciler run's findings and errors; return the counts by name."""
    counts = {str(name): count for name, count in found.items()}
    for name, count in counts.items():
        metrics().add_metric(name=name, unit=MetricUnit.Count, value=count)
    for error in errors:
        logger().error("overdue item not reconciled", extra={"reason": error[:2000]})
    logger().info("looked at what is overdue", extra={"found": counts})
    metrics().flush_metrics()
    gc_tuning.resume_collection()
    return counts


def _report_failure(exc: Exception, message_id: str | None = None) -> None:
    name = Metric.MESSAGES_UNDECODABLE if isinstance(exc, ContractError) else Metric.MESSAGES_FAILED
    details = {"message_id": message_id, "error": type(exc).__name__, "reason": str(exc)[:2000]}
    with _POWERTOOLS_LOCK:
        metrics().add_metric(name=name.value, unit=MetricUnit.Count, value=1)
        # Only an unexpected error needs its stack trace.
        logger().error("message failed", extra=details, exc_info=not isinstance(exc, TailraceError))
