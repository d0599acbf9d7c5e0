"""The schedule's tick."""

from __future__ import annotations

from functools import cache
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.reconcile_jobs.service import ReconcileJobs
from tailrace_consumers.runtime.telemetry import report
from tailrace_core.errors import ConfigurationError

SECONDS = 180.0
"""For one run; the function's timeout has to be longer by what one look may take."""


@cache
def build() -> ReconcileJobs:
    """The service, from the function's environment."""
    return assemble(Composition.of_environment())


def assemble(made: Composition) -> ReconcileJobs:
    """The service, of what is made for it."""
    world = made.world
    if world.notifications is None:
        raise ConfigurationError("reconcile_jobs needs TAILRACE_SUCCEEDED_QUEUE and TAILRACE_FAILED_QUEUE")
    shared = ("ledger", "intake", "store", "attempts", "invocations", "delivery", "completion", "retries")
    parts: dict[str, Any] = {name: getattr(made, name) for name in shared}
    return ReconcileJobs(bucket=made.settings.bucket, notifications=world.notifications, meter=world.meter, **parts)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 a tick says nothing
    """One run; its answer is what was found."""
    found, errors = build().run(SECONDS)
    return report(found, errors)
