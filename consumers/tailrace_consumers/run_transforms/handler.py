"""The handler of RunTransforms: SageMaker's events of transform jobs, and requests for a look."""

from __future__ import annotations

import os
import time
from functools import cache, partial
from typing import Any

from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.engine_invoker import EngineInvoker
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_consumers.adapters.sqs_queues import SqsNotificationQueues, SqsRoundQueue
from tailrace_consumers.adapters.transform_jobs import SageMakerTransformJobs
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.ports import NotificationQueues, ObjectStore, RoundQueue, TransformJobs
from tailrace_consumers.run_transforms.reporting import RoundReporting
from tailrace_consumers.run_transforms.service import RunTransforms
from tailrace_consumers.run_transforms.starting import RoundStarting
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.settings import TransformSettings
from tailrace_core.aws.retrying import retrying
from tailrace_core.engines import Engine
from tailrace_core.invocations import InvocationTargets
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.rounds import RoundDue, decode_round_message
from tailrace_core.transforms.requests import TransformFleet

CONCURRENCY = 16
"""Outputs looked for, and answers reported, at once: each is a short call to AWS."""


@cache
def build() -> RunTransforms:
    """Build the service from the function's environment, on its first message.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    settings = TransformSettings.from_environment(os.environ)
    execute = retrying(serialize_transactions(DirectExecutor()))
    ledger = DynamoLedger(DynamoSteps(settings.ledger_table), execute)
    queue = SqsRoundQueue(settings.transforms_queue, execute)
    invoker = EngineInvoker(InvocationTargets(settings.bucket, settings.scoring_queue), execute, clock=time.time)
    return assemble(
        settings,
        ledger=ledger,
        store=S3ObjectStore(settings.bucket, execute),
        transforms=SageMakerTransformJobs(execute),
        queue=queue,
        notifications=SqsNotificationQueues(settings.succeeded_queue, settings.failed_queue, execute),
        attempts=Attempts(ledger=ledger, invoker=invoker, clock=time.time),
        concurrency=CONCURRENCY,
    )


def assemble(
    settings: TransformSettings,
    *,
    ledger: Ledger,
    store: ObjectStore,
    transforms: TransformJobs,
    queue: RoundQueue,
    notifications: NotificationQueues,
    attempts: Attempts,
    concurrency: int = 1,
) -> RunTransforms:
    """Build the service from its parts."""
    clock = attempts.now
    reporting = RoundReporting(ledger=ledger, store=store, notifications=notifications, concurrency=concurrency)
    starting = RoundStarting(
        ledger=ledger,
        store=store,
        transforms=transforms,
        attempts=attempts,
        reporting=reporting,
        fleet=TransformFleet(
            model=settings.model,
            instance_type=settings.transform_instance_type,
            instance_count=settings.transform_instance_count,
        ),
        bucket=settings.bucket,
        rest_engine=Engine(settings.rest_engine) if settings.rest_engine else None,
        clock=clock,
    )
    return RunTransforms(
        ledger=ledger,
        lookup=LedgerLookup(ledger),
        transforms=transforms,
        queue=queue,
        starting=starting,
        reporting=reporting,
        clock=clock,
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
