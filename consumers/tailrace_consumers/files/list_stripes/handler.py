"""The handler of ListStripes: the first task of the state machine."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.files.cutting_calls import cutting_calls
from tailrace_consumers.files.list_stripes.service import ListStripes
from tailrace_consumers.settings import StripesSettings


@cache
def build() -> ListStripes:
    """Build the service from the function's environment, on its first event.

    Raises:
        ConfigurationError: the environment lacks a variable.
    """
    execute = cutting_calls()
    return ListStripes(S3ObjectStore(StripesSettings.from_environment(os.environ).bucket, execute), execute)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 Lambda gives it
    """List the stripes of the event's job."""
    build().list(event["job_id"])
    return {"done": True}
