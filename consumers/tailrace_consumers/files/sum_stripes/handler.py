"""The handler of SumStripes: the task between counting and cutting, and the last of a dry run."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.files.sum_stripes.service import SumStripes
from tailrace_consumers.runtime.gc_tuning import resume_collection
from tailrace_consumers.settings import StripesSettings

MARGIN_MS = 60_000
"""Time left at which the place of an error is searched for no longer."""


@cache
def build() -> SumStripes:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    execute = cutting_calls()
    store = S3ObjectStore(StripesSettings.from_environment(os.environ).bucket, execute)
    return SumStripes(store, S3Ranges(execute).open)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sum the counts of the event's job; a dry run's output is what this returns."""
    service = build()
    resume_collection()
    totals = service.sum(event["job_id"], lambda: context.get_remaining_time_in_millis() < MARGIN_MS)
    return {"done": True, **asdict(totals)}
