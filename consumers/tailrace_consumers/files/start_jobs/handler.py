"""The handler of StartJobs: S3's events, by EventBridge and a queue."""

from __future__ import annotations

import os
import time
from functools import cache, partial
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_consumers.files.start_jobs.service import StartJobs
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.settings import InboxSettings
from tailrace_core.aws.retrying import retrying
from tailrace_core.jobs.identities import new_ulid
from tailrace_core.messages.arrivals import decode_arrival


@cache
def build() -> StartJobs:
    """Build the service from the function's environment, on its first message.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    settings = InboxSettings.from_environment(os.environ)
    execute = retrying(reading_bodies(serialize_transactions(DirectExecutor())))
    return StartJobs(settings, execute, now=time.time, new_id=new_ulid)


def handle(body: str, service: StartJobs) -> HandledMessage:
    """Handle one message."""
    event = decode_arrival(body)
    return service.start(event), event.detail.object.key


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle a batch of messages."""
    return process_serially(event, partial(handle, service=build()))
