"""The handler of the endpoint's failures, from their queue."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.handle_failures.decisions import ParkedDecisions, decode_decision
from tailrace_consumers.handle_failures.service import HandleFailures
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_core.messages.notifications import decode_notification


@cache
def build() -> HandleFailures:
    """Build the service from the function's environment, on its first message."""
    return assemble(Composition.from_environment())


def assemble(composition: Composition) -> HandleFailures:
    """Build the service from its parts."""
    return HandleFailures(
        settings=composition.settings,
        lookup=composition.lookup,
        store=composition.store,
        settler=composition.settler,
        policy=composition.policy,
        completion=composition.completion,
        decisions=ParkedDecisions(
            lookup=composition.lookup, settler=composition.settler, policy=composition.policy, acts=composition.acts
        ),
    )


def handle(body: str, service: HandleFailures) -> HandledMessage:
    """Handle one message: a notification of the endpoint, or a person's decision."""
    decision = decode_decision(body)
    if decision is not None:
        return service.decisions.handle(decision), f"{decision.job_id}.{decision.range.name}"
    notification = decode_notification(body)
    return service.handle(notification), notification.inference_id or notification.event_name


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
