"""The handler of RunTransforms: SageMaker's events of transform jobs, and requests for a look."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tailrace_consumers.composition import Composition
from tailrace_consumers.run_transforms.reporting import RoundReporting
from tailrace_consumers.run_transforms.service import RunTransforms
from tailrace_consumers.run_transforms.starting import RoundStarting
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_core.engines import Engine
from tailrace_core.errors import ConfigurationError
from tailrace_core.messages.rounds import RoundDue, decode_round_message
from tailrace_core.transforms.requests import TransformFleet

CONCURRENCY = 16
"""Outputs looked for, and answers reported, at once: each is a short call to AWS."""


@cache
def build() -> RunTransforms:
    """Build the service from the function's environment, on its first message."""
    return assemble(Composition.from_environment(), concurrency=CONCURRENCY)


def assemble(composition: Composition, *, concurrency: int = 1) -> RunTransforms:
    """Build the service from its parts.

    Raises:
        ConfigurationError: the environment lacks the model, the instances or a queue.
    """
    settings, adapters = composition.settings, composition.adapters
    queue, transforms, notifications = adapters.rounds, adapters.transforms, adapters.notifications
    if queue is None or transforms is None or notifications is None:
        raise ConfigurationError(
            "run_transforms needs TAILRACE_TRANSFORMS_QUEUE, TAILRACE_SUCCEEDED_QUEUE and TAILRACE_FAILED_QUEUE"
        )
    if not settings.model or not settings.transform_instance_type:
        raise ConfigurationError("run_transforms needs TAILRACE_MODEL and TAILRACE_TRANSFORM_INSTANCE_TYPE")
    fleet = TransformFleet(
        model=settings.model,
        instance_type=settings.transform_instance_type,
        instance_count=settings.transform_instance_count,
    )
    reporting = RoundReporting(
        ledger=composition.ledger, store=composition.store, notifications=notifications, concurrency=concurrency
    )
    starting = RoundStarting(
        ledger=composition.ledger,
        store=composition.store,
        transforms=transforms,
        attempt_invoker=composition.attempt_invoker,
        reporting=reporting,
        fleet=fleet,
        bucket=settings.bucket,
        rest_engine=Engine(settings.rest_engine) if settings.rest_engine else None,
        clock=adapters.clock,
    )
    return RunTransforms(
        ledger=composition.ledger,
        lookup=composition.lookup,
        transforms=transforms,
        queue=queue,
        starting=starting,
        reporting=reporting,
        clock=adapters.clock,
    )


def handle(body: str, service: RunTransforms) -> HandledMessage:
    """Handle one message."""
    message = decode_round_message(body)
    if isinstance(message, RoundDue):
        return service.look(message), message.job_id
    return service.note_change(message), message.detail.name


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
