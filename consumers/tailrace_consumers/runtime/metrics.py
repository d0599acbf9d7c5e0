"""Metrics besides the outcomes of messages: rows, failures by class, latency, and late jobs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tailrace_consumers.ports import Meter
from tailrace_core.jobs.failures import FailureClass


class Metric(StrEnum):
    """The published names of metrics."""

    ROWS_SCORED = "RowsScored"
    ROWS_REJECTED = "RowsRejected"
    """Rejected rows of settled chunks, including those rejected before sending."""
    SETTLE_LATENCY = "SettleLatency"
    """Milliseconds from the model's response, by the service's timestamp, to the settled chunk."""
    FAILED_DATA = "FailedData"
    """Failed attempts by class of failure: this metric and the next six."""
    FAILED_TOO_LARGE = "FailedTooLarge"
    FAILED_TRANSIENT = "FailedTransient"
    FAILED_THROTTLED = "FailedThrottled"
    FAILED_EXPIRED = "FailedExpired"
    FAILED_INFRASTRUCTURE = "FailedInfrastructure"
    FAILED_UNKNOWN = "FailedUnknown"
    JOBS_PAST_DEADLINE = "JobsPastDeadline"
    """A gauge that every run of the reconciler records: no data means that it does not run."""
    MESSAGES_FAILED = "MessagesFailed"
    MESSAGES_UNDECODABLE = "MessagesUndecodable"


class NullMeter:
    """A meter that drops its measurements."""

    def record(self, metric: str, value: float) -> None:
        """Drop the value."""


FAILURE_METRICS: dict[FailureClass, Metric] = {
    FailureClass.DATA: Metric.FAILED_DATA,
    FailureClass.TOO_LARGE: Metric.FAILED_TOO_LARGE,
    FailureClass.TRANSIENT: Metric.FAILED_TRANSIENT,
    FailureClass.THROTTLED: Metric.FAILED_THROTTLED,
    FailureClass.EXPIRED: Metric.FAILED_EXPIRED,
    FailureClass.INFRASTRUCTURE: Metric.FAILED_INFRASTRUCTURE,
    FailureClass.UNKNOWN: Metric.FAILED_UNKNOWN,
}


def record_rows(meter: Meter, *, scored: int, rejected: int) -> None:
    """Record the rows of a chunk.

    Only the caller that settled it may call this: rows count once.
    """
    if scored:
        meter.record(Metric.ROWS_SCORED, scored)
    if rejected:
        meter.record(Metric.ROWS_REJECTED, rejected)


def record_latency(meter: Meter, *, answered_at: str | None, now: float) -> None:
    """Record the time since ``answered_at``, an ISO date from a message.

    Skip invalid and future dates.
    """
    answered_s = seconds(answered_at)
    if answered_s is not None and now >= answered_s:
        meter.record(Metric.SETTLE_LATENCY, round((now - answered_s) * 1_000))


def seconds(date: str | None) -> float | None:
    """Return an ISO date of a message in seconds since the epoch; None if it is none."""
    try:
        return datetime.fromisoformat(date or "").timestamp()
    except (ValueError, OverflowError):
        return None
