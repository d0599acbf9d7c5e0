"""Patches of S3's events at EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch

_CORRECTS = "MiniStack's events of S3 at EventBridge do not name the version of the object."
_WHY = "Two uploads under the same name could not be told apart by their events."
_UNTIL = "MiniStack's events at EventBridge have detail.object.version-id."
_FIRE = Patch(
    "ministack.services.s3",
    "_fire_s3_event(bucket_name, key, event_name, size, etag, deletion_type, restore_event_data, version_id, "
    "sequencer, object_extra, record_extra)",
    corrects=_CORRECTS,
    why=_WHY,
    until=_UNTIL,
)
_DISPATCH = Patch(
    "ministack.services.eventbridge", "_dispatch_event(event, view)", corrects=_CORRECTS, why=_WHY, until=_UNTIL
)


def name_versions() -> None:
    """Have the events of objects in versioned buckets name the version."""
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def fire(original: Callable[..., None], *arguments: Any, version_id: str | None = None, **named: Any) -> None:
        token = version.set(version_id)
        try:
            original(*arguments, version_id=version_id, **named)
        finally:
            version.reset(token)

    def dispatch(original: Callable[..., None], event: dict[str, Any], *more: Any) -> None:
        if event.get("Source") == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = {**event, "Detail": json.dumps(detail)}
        original(event, *more)

    _FIRE.wrap(fire)
    _DISPATCH.wrap(dispatch)
