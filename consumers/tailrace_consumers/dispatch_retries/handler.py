"""The handler of due retries, from their queue."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.dispatch_retries.service import DispatchRetries
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_core.messages.events import RetryDue, decode


@cache
def build() -> DispatchRetries:
    """Build the service from the function's environment, on its first message."""
    return assemble(Composition.from_environment())


def assemble(composition: Composition) -> DispatchRetries:
    """Build the service from its parts."""
    return DispatchRetries(
        lookup=composition.lookup,
        attempts=composition.attempts,
        attempt_invoker=composition.attempt_invoker,
        holding=composition.holding,
        parking=composition.parking,
        scheduler=composition.scheduler,
        acts=composition.acts,
        random_source=composition.random_source,
    )


def handle(body: str, service: DispatchRetries) -> HandledMessage:
    """Handle one message."""
    message = decode(RetryDue, body)
    return service.handle(message), f"{message.job_id}.{message.range.name}"


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
