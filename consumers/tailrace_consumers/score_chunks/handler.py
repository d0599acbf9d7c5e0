"""The handler of requests to score a chunk, from their queue."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.score_chunks.service import ScoreChunks
from tailrace_core.errors import ConfigurationError
from tailrace_core.messages.events import decode
from tailrace_core.messages.scoring import ScoreDue


@cache
def build() -> ScoreChunks:
    """Build the service from the function's environment, on its first message."""
    return assemble(Composition.from_environment())


def assemble(composition: Composition) -> ScoreChunks:
    """Build the service from its parts.

    Raises:
        ConfigurationError: the environment lacks the notification queues.
    """
    adapters = composition.adapters
    if adapters.notifications is None or adapters.endpoint is None:
        raise ConfigurationError("score_chunks needs TAILRACE_SUCCEEDED_QUEUE and TAILRACE_FAILED_QUEUE")
    return ScoreChunks(
        bucket=composition.settings.bucket,
        lookup=composition.lookup,
        store=composition.store,
        endpoint=adapters.endpoint,
        notifications=adapters.notifications,
        clock=adapters.clock,
    )


def handle(body: str, service: ScoreChunks) -> HandledMessage:
    """Handle one message."""
    request = decode(ScoreDue, body)
    return service.handle(request), request.inference_id


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
