"""The schedule's tick."""

from __future__ import annotations

from functools import cache
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.reconcile_jobs.service import ReconcileJobs
from tailrace_consumers.runtime.telemetry import report_run
from tailrace_core.errors import ConfigurationError

RUN_LIMIT_S = 180.0
"""For one run; the function's timeout has to be longer by what one look may take."""


@cache
def build() -> ReconcileJobs:
    """The service, from the function's environment."""
    return assemble(Composition.from_environment())


def assemble(composition: Composition) -> ReconcileJobs:
    """The service, of what is made for it."""
    adapters = composition.adapters
    if adapters.notifications is None:
        raise ConfigurationError("reconcile_jobs needs TAILRACE_SUCCEEDED_QUEUE and TAILRACE_FAILED_QUEUE")
    shared = ("ledger", "lookup", "store", "attempts", "attempt_invoker", "settler", "completion", "retries")
    parts: dict[str, Any] = {name: getattr(composition, name) for name in shared}
    return ReconcileJobs(
        bucket=composition.settings.bucket, notifications=adapters.notifications, meter=adapters.meter, **parts
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 a tick says nothing
    """One run; its answer is what was found."""
    found, errors = build().run(RUN_LIMIT_S)
    return report_run(found, errors)
