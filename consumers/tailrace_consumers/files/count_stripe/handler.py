"""The handler of CountStripe: a task of the state machine, once for each run of stripes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.runtime.gc_tuning import resume_collection
from tailrace_consumers.settings import StripesSettings
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.runs import run_from_dict

MARGIN_MS = 60_000
"""Time left at which a call ends, and another goes on: enough for a block and the counts."""


@cache
def build() -> CountStripe:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    execute = cutting_calls()
    store = S3ObjectStore(StripesSettings.from_environment(os.environ).bucket, execute)
    return CountStripe(store, S3Ranges(execute).open)


def handle(event: dict[str, Any], service: CountStripe, remaining_ms: Callable[[], int]) -> dict[str, Any]:
    """Count the stripes of an event; ``remaining_ms`` returns how much time is left."""
    run = run_from_dict(event["stripe"], Stripe.from_dict)
    checkpoint = service.count(event["job_id"], run, event.get("checkpoint"), lambda: remaining_ms() < MARGIN_MS)
    return {"done": True} if checkpoint is None else {"done": False, "checkpoint": checkpoint}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one run of stripes."""
    service = build()
    resume_collection()
    return handle(event, service, context.get_remaining_time_in_millis)
