"""The handler of FailCutting: a task of the state machine, or events of executions that ended."""

from __future__ import annotations

import os
import time
from functools import cache, partial
from typing import Any

from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.files.fail_cutting.service import FailCutting, reason_of
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.runtime.gc_tuning import resume_collection
from tailrace_consumers.runtime.telemetry import HandledMessage, process_serially
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.messages.executions import decode_execution_end
from tailrace_core.submission.chunk_steps import JobClosedError


@cache
def build() -> FailCutting:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    return FailCutting(CuttingSettings.from_environment(os.environ), cutting_calls(), now=time.time)


def handle(body: str, service: FailCutting) -> HandledMessage:
    """Handle the event of an execution that ended without success."""
    end = decode_execution_end(body)
    done = end.is_dry_run or not service.fail(end.job_id, end.reason)
    return (Outcome.STALE if done else Outcome.CUTTING_FAILED), end.job_id


def handle_failure(event: dict[str, Any], service: FailCutting) -> dict[str, Any]:
    """Handle a failure that a state caught; a dry run has no job."""
    if event.get("dry_run"):
        return {}
    if event["Error"] == JobClosedError.__name__:
        service.expire(event["job_id"])
    else:
        service.fail(event["job_id"], reason_of(event["Error"], event["Cause"]))
    return {}


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ARG001 Lambda gives it
    """Handle one failure, or a batch of messages."""
    service = build()
    resume_collection()
    if "Records" in event:
        return process_serially(event, partial(handle, service=service))
    return handle_failure(event, service)
