"""Notifications of requests, as an asynchronous endpoint sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tailrace_core.messages.notifications import RESULT
from tailrace_core.messages.scoring import ScoreDue


def completed(request: ScoreDue, now: float, output_location: str, content_type: str | None) -> str:
    """Return the notification of an answer; ``now`` is its time, in seconds since the epoch."""
    response = _present(contentType=content_type, outputLocation=output_location)
    return _notification(request, now, "Completed", responseParameters=response)


def failed(request: ScoreDue, now: float, reason: str) -> str:
    """Return the notification of a failure."""
    return _notification(request, now, "Failed", failureReason=reason)


def _notification(request: ScoreDue, now: float, status: str, **more: Any) -> str:
    message = {
        "eventTime": _time(now),
        "receivedTime": _time(request.sent_at),
        "invocationStatus": status,
        "requestParameters": _present(
            accept=request.accept,
            contentType=request.content_type,
            customAttributes=request.custom_attributes,
            endpointName=request.endpoint_name,
            inputLocation=request.input_location,
        ),
        **more,
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "tailrace:score-chunks",
        "eventName": RESULT,
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
