"""The handler of DeliverResults: jobs that have finished, and deliveries to go on with."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.files.deliver_results.service import DeliverResults
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.settings import DeliverySettings
from tailrace_core.aws.retrying import retrying
from tailrace_core.messages.arrivals import decode_delivery

COPY_S = 120.0
"""Time for S3 to answer: it copies 1 GiB in some ten seconds, and joins 10,000 parts in more."""


@cache
def build() -> DeliverResults:
    """Build the service from the function's environment, on its first message.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    settings = DeliverySettings.from_environment(os.environ)
    execute = DirectExecutor(by_botocore=BotocoreExecutor(_patient_client))
    return DeliverResults(settings, retrying(reading_bodies(execute)))


def _patient_client(service: str) -> Any:
    # Imported on first use: botocore takes longer to load than most functions take to start.
    from tailrace_consumers.adapters.clients import default_client  # noqa: PLC0415 - see above

    return default_client(service, read_timeout_s=COPY_S)


def handle(body: str, service: DeliverResults, time_left_s: Callable[[], float]) -> HandledMessage:
    """Handle one message."""
    due = decode_delivery(body)
    return service.deliver(due, time_left_s), due.job_id


def handler(event: dict[str, Any], context: Any) -> Any:
    """Handle a batch of messages."""

    def time_left_s() -> float:
        left_ms: int = context.get_remaining_time_in_millis()
        return left_ms / 1000

    return process_serially(event, partial(handle, service=build(), time_left_s=time_left_s))
