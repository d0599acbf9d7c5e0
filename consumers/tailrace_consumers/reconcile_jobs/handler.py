"""The handler of the schedule's events."""

from __future__ import annotations

from functools import cache
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.reconcile_jobs.service import CONCURRENCY, ReconcileJobs
from tailrace_consumers.runtime.telemetry import report_run
from tailrace_core.errors import ConfigurationError

RUN_LIMIT_S = 180.0
"""Time limit of one run.

The function's timeout must be longer, by the time that one item may take.
"""


@cache
def build() -> ReconcileJobs:
    """Build the service from the function's environment."""
    return assemble(Composition.from_environment(), concurrency=CONCURRENCY)


def assemble(composition: Composition, *, concurrency: int = 1) -> ReconcileJobs:
    """Build the service from its parts.

    Raises:
        ConfigurationError: the environment lacks the notification queues.
    """
    adapters = composition.adapters
    if adapters.notifications is None:
        raise ConfigurationError("reconcile_jobs needs TAILRACE_SUCCEEDED_QUEUE and TAILRACE_FAILED_QUEUE")
    return ReconcileJobs(
        bucket=composition.settings.bucket,
        ledger=composition.ledger,
        lookup=composition.lookup,
        store=composition.store,
        attempts=composition.attempts,
        attempt_invoker=composition.attempt_invoker,
        settler=composition.settler,
        completion=composition.completion,
        scheduler=composition.scheduler,
        notifications=adapters.notifications,
        rounds=adapters.rounds,
        meter=adapters.meter,
        concurrency=concurrency,
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 the event holds nothing of interest
    """Run once and return the counts of what was found."""
    found, errors = build().run(RUN_LIMIT_S)
    return report_run(found, errors)
