"""The endpoint's successes, from their queue."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.composition import Composition
from tailrace_consumers.looks import Looks
from tailrace_consumers.telemetry import Handled, process
from tailrace_core.notifications import decode_notification


@cache
def build() -> tuple[CollectResults, Looks]:
    """The service and what it puts off, from the function's environment; its first message pays for it."""
    made = Composition.of_environment(looks_together=True)
    return assemble(made), made.looks


def assemble(made: Composition) -> CollectResults:
    """The service, of what is made for it."""
    return CollectResults(
        settings=made.settings,
        intake=made.intake,
        store=made.store,
        parts=made.parts,
        delivery=made.delivery,
        policy=made.policy,
    )


def handle(body: str, service: CollectResults) -> Handled:
    """One message."""
    notification = decode_notification(body)
    return service.handle(notification), notification.inference_id or notification.event_name


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """A batch of them."""
    service, looks = build()
    return process(event, partial(handle, service=service), looks)
