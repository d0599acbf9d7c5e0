"""Retries that are due, from their queue."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.dispatch_retries.service import DispatchRetries
from tailrace_consumers.runtime.telemetry import Handled, process
from tailrace_core.messages.events import RetryDue, decode


@cache
def build() -> DispatchRetries:
    """The service, from the function's environment; its first message pays for it."""
    return assemble(Composition.of_environment())


def assemble(made: Composition) -> DispatchRetries:
    """The service, of what is made for it."""
    return DispatchRetries(
        intake=made.intake,
        attempts=made.attempts,
        invocations=made.invocations,
        retries=made.retries,
        random_source=made.random_source,
    )


def handle(body: str, service: DispatchRetries) -> Handled:
    """One message."""
    message = decode(RetryDue, body)
    return service.handle(message), f"{message.job_id}.{message.range.name}"


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """A batch of them."""
    return process(event, partial(handle, service=build()))
