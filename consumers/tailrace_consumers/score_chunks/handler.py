"""The handler of requests to score a chunk, from their queue."""

from __future__ import annotations

import os
import time
from functools import cache, partial
from typing import Any

from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.sagemaker_endpoint import SageMakerEndpoint
from tailrace_consumers.adapters.sqs_queues import SqsNotificationQueues
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.score_chunks.service import ScoreChunks
from tailrace_consumers.settings import ScoringSettings
from tailrace_core.aws.retrying import retrying
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.events import decode
from tailrace_core.messages.scoring import ScoreDue


@cache
def build() -> ScoreChunks:
    """Build the service from the function's environment, on its first message.

    Of the parts that other functions share, it needs few: not the composition.
    """
    settings = ScoringSettings.from_environment(os.environ)
    execute = retrying(DirectExecutor())
    return ScoreChunks(
        bucket=settings.bucket,
        lookup=LedgerLookup(DynamoLedger(DynamoSteps(settings.ledger_table), execute)),
        store=S3ObjectStore(settings.bucket, execute),
        endpoint=SageMakerEndpoint(),
        notifications=SqsNotificationQueues(settings.succeeded_queue, settings.failed_queue, execute),
        clock=time.time,
    )


def handle(body: str, service: ScoreChunks) -> HandledMessage:
    """Handle one message."""
    request = decode(ScoreDue, body)
    return service.handle(request), request.inference_id


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
