"""The endpoint's successes, from their queue."""

from __future__ import annotations

from functools import cache
from typing import Any

from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.composition import Composition
from tailrace_consumers.runtime.batches import AT_A_TIME, Record
from tailrace_consumers.runtime.deferred_checks import Looks
from tailrace_consumers.runtime.telemetry import Handled, process_together
from tailrace_core.messages.notifications import decode_notification

BESIDE_OTHERS_BYTES = 4 * 1024 * 1024
"""What reads a larger object, or fails, is handled alone: only what is small takes memory several times at once."""


@cache
def build() -> Composition:
    """What services are made of, from the function's environment; its first message pays for it."""
    return Composition.of_environment()


def assemble(made: Composition, *, alone: bool = True) -> CollectResults:
    """The service, of what is made for it; one that is not ``alone`` puts off what takes much."""
    return CollectResults(
        settings=made.settings,
        intake=made.intake,
        store=made.store,
        parts=made.parts,
        delivery=made.delivery,
        policy=made.policy if alone else None,
    )


def handle(body: str, service: CollectResults) -> Handled:
    """One message."""
    notification = decode_notification(body)
    return service.handle(notification), notification.inference_id or notification.event_name


def respond(event: dict[str, Any], made: Composition, *, at_a_time: int = AT_A_TIME) -> Any:
    """A batch of them, several at once, each with a service of its own."""
    looks = Looks(made.completion)

    def one(record: Record) -> Handled:
        limit = None if record.alone else BESIDE_OTHERS_BYTES
        own = made.for_message(looks.of(record.message_id), most_bytes=limit)
        return handle(record.body, assemble(own, alone=record.alone))

    return process_together(event, one, looks, at_a_time=at_a_time)


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """A batch of them."""
    return respond(event, build())
