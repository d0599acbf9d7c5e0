"""The handler of CutStripe: a task of the state machine, once for each run with rows."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.cut_stripe.service import Checkpoint, CutStripe
from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.runtime.gc_tuning import resume_collection
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.submission.striping.reading import StripeStart
from tailrace_core.submission.striping.runs import run_from_dict


@cache
def build() -> CutStripe:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    execute = cutting_calls()
    return CutStripe(CuttingSettings.from_environment(os.environ), execute, S3Ranges(execute).open, now=time.time)


def handle(event: dict[str, Any], service: CutStripe, remaining_ms: Any) -> dict[str, Any]:
    """Cut the stripes of an event; ``remaining_ms`` returns how much time is left."""
    given = event.get("checkpoint")
    checkpoint = None if given is None else Checkpoint(given["row"], given["offset"])
    run = run_from_dict(event["stripe"], StripeStart.from_dict)
    reached = service.cut(event["job_id"], run, checkpoint, lambda: remaining_ms() / 1000)
    if reached is None:
        return {"done": True}
    return {"done": False, "checkpoint": {"row": reached.row, "offset": reached.offset}}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one run of stripes."""
    service = build()
    resume_collection()
    return handle(event, service, context.get_remaining_time_in_millis)
