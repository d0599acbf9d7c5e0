"""The handler of SealCutting: a task of the state machine, once all stripes are cut."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.files.seal_cutting.service import SealCutting
from tailrace_consumers.runtime.gc_tuning import resume_collection
from tailrace_consumers.settings import CuttingSettings


@cache
def build() -> SealCutting:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    return SealCutting(CuttingSettings.from_environment(os.environ), cutting_calls(), now=time.time)


def handle(event: dict[str, Any], service: SealCutting) -> dict[str, Any]:
    """Seal the job of an event, which holds what the sum returned."""
    return {"state": service.seal(event["job_id"], event["sum"]["rows_total"])}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 Lambda gives it
    """Handle one job."""
    service = build()
    resume_collection()
    return handle(event, service)
