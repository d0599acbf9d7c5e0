"""What is measured beside the outcomes of messages: rows, failures by class, times, and jobs that are late."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tailrace_consumers.ports import Meter
from tailrace_core.jobs.failures import FailureClass


class Metric(StrEnum):
    """Each is the name of a metric."""

    ROWS_SCORED = "RowsScored"
    ROWS_REJECTED = "RowsRejected"
    """Those rejected before sending included: of every row of a settled chunk it is known here."""
    SETTLE_LATENCY = "SettleLatency"
    """Milliseconds from the model's answer, as the service dates it, to the settled chunk."""
    FAILED_DATA = "FailedData"
    """Failed attempts, this one and the next six, by what the failure was taken for."""
    FAILED_TOO_LARGE = "FailedTooLarge"
    FAILED_TRANSIENT = "FailedTransient"
    FAILED_THROTTLED = "FailedThrottled"
    FAILED_EXPIRED = "FailedExpired"
    FAILED_INFRASTRUCTURE = "FailedInfrastructure"
    FAILED_UNKNOWN = "FailedUnknown"
    JOBS_PAST_DEADLINE = "JobsPastDeadline"
    """A gauge, of every run of the reconciler: silence means that it does not run."""
    MESSAGES_FAILED = "MessagesFailed"
    MESSAGES_UNDECODABLE = "MessagesUndecodable"


class NullMeter:
    """A meter for where nobody deferred."""

    def record(self, metric: str, value: float) -> None:
        """Forget it."""


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
    """The rows of a chunk that was settled by the caller, and by nobody else."""
    if scored:
        meter.record(Metric.ROWS_SCORED, scored)
    if rejected:
        meter.record(Metric.ROWS_REJECTED, rejected)


def record_latency(meter: Meter, *, answered_at: str | None, now: float) -> None:
    """The time since ``answered_at``; nothing where that is no date, or in the future: it comes from a message."""
    try:
        elapsed_s = now - datetime.fromisoformat(answered_at or "").timestamp()
    except (ValueError, OverflowError):
        return
    if elapsed_s >= 0:
        meter.record(Metric.SETTLE_LATENCY, round(elapsed_s * 1_000))
