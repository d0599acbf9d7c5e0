"""The handler of the endpoint's successes, from their queue."""

from __future__ import annotations

from functools import cache
from typing import Any

from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.composition import Composition
from tailrace_consumers.runtime.batches import CONCURRENCY, Record
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_consumers.runtime.grouped_settling import GroupedSettling
from tailrace_consumers.runtime.telemetry import HandledMessage, process_concurrently
from tailrace_core.messages.notifications import decode_notification

CONCURRENT_MAX_BYTES = 4 * 1024 * 1024
"""Messages that read a larger object are handled alone, to bound memory."""


@cache
def build() -> Composition:
    """Build the composition from the function's environment, on its first message."""
    return Composition.from_environment()


def assemble(composition: Composition, *, serial: bool = True) -> CollectResults:
    """Build the service; one that is not ``serial`` defers messages that need much memory."""
    return CollectResults(
        settings=composition.settings,
        lookup=composition.lookup,
        store=composition.store,
        parts=composition.parts,
        settler=composition.settler,
        controls=composition.controls,
        shapes=composition.shapes,
        policy=composition.policy if serial else None,
    )


def handle(body: str, service: CollectResults) -> HandledMessage:
    """Handle one message; the chunk of one beside others is settled with theirs."""
    notification = decode_notification(body)
    handled = service.collect(notification) if service.policy is None else service.handle(notification)
    return handled, notification.inference_id or notification.event_name


def process_event(event: dict[str, Any], composition: Composition, *, concurrency: int = CONCURRENCY) -> Any:
    """Handle a batch of messages, several at once, each with a service of its own."""
    deferred, settling = DeferredCompletion(composition.completion), GroupedSettling(composition.ledger)

    def handle_record(record: Record) -> HandledMessage:
        limit = None if record.serial else CONCURRENT_MAX_BYTES
        own = composition.for_message(deferred.for_message(record.message_id), max_bytes=limit)
        return handle(record.body, assemble(own, serial=record.serial))

    return process_concurrently(event, handle_record, settling, deferred, concurrency=concurrency)


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_event(event, build())
