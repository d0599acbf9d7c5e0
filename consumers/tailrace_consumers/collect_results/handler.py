"""The handler of the endpoint's successes, from their queue."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any

from tailrace_consumers.chunks.lookup import LedgerLookup, identify_attempt
from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.composition import Composition
from tailrace_consumers.runtime.batches import CONCURRENCY, Record
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_consumers.runtime.grouped_settling import GroupedSettling
from tailrace_consumers.runtime.telemetry import HandledMessage, process_concurrently
from tailrace_core.errors import ContractError, TailraceError
from tailrace_core.jobs.identities import InferenceId
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


def read_ahead(bodies: Iterable[str], composition: Composition) -> LedgerLookup:
    """Read the chunks of a batch's messages together; each message reads what this could not."""
    found: list[InferenceId] = []
    for body in bodies:
        with suppress(ContractError):
            attempt = identify_attempt(decode_notification(body), composition.settings.endpoint_name, succeeded=True)
            found += [attempt] if isinstance(attempt, InferenceId) else []
    try:
        return composition.lookup.read_ahead(found) if found else composition.lookup
    except TailraceError:
        return composition.lookup


def process_event(event: dict[str, Any], composition: Composition, *, concurrency: int = CONCURRENCY) -> Any:
    """Handle a batch of messages, several at once, each with a service of its own."""
    deferred = DeferredCompletion(composition.completion)
    settling = GroupedSettling(composition.ledger, composition.adapters.publisher)
    bodies = [each["body"] for each in event["Records"]]
    ahead = read_ahead(bodies, composition) if len(bodies) > 1 else composition.lookup

    def handle_record(record: Record) -> HandledMessage:
        # What is handled alone comes after the others are settled, which it has to see.
        limit, lookup = (None, None) if record.serial else (CONCURRENT_MAX_BYTES, ahead)
        own = composition.for_message(deferred.for_message(record.message_id), max_bytes=limit, lookup=lookup)
        return handle(record.body, assemble(own, serial=record.serial))

    return process_concurrently(event, handle_record, settling, deferred, concurrency=concurrency)


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_event(event, build())
