"""Responses to CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_RESPONSE_BYTES = 4096
"""Limit of a response.

CloudFormation does not read a longer one; the stack would wait until its timeout.
"""
_MAX_REASON_BYTES = 1500
"""Limit of a reason before escaping: the stack's events show only a few lines."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A success; GetAtt returns the ``attributes``."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return the response's fields."""
        return {"Status": "SUCCESS", "PhysicalResourceId": self.physical_id, "Data": dict(self.attributes)}


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure. CloudFormation requests the deletion of ``physical_id`` when it rolls back."""

    physical_id: str
    reason: str

    def fields(self) -> dict[str, Any]:
        """Return the response's fields."""
        cut = self.reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        return {"Status": "FAILED", "PhysicalResourceId": self.physical_id, "Reason": cut or "no reason was given"}


Response = Succeeded | Failed


def encode_response(response: Response, event: Mapping[str, Any]) -> bytes:
    """Encode the response to an event, within the limit.

    Attributes that do not fit make it a failure.
    """
    found = _encode(response, event)
    if len(found) <= MAX_RESPONSE_BYTES:
        return found
    reason = (
        f"the response has {len(found)} bytes, CloudFormation reads {MAX_RESPONSE_BYTES}: "
        "shorten the keys of the model's archives"
        if isinstance(response, Succeeded)
        else "the reason is too long for CloudFormation; the function's log has it"
    )
    return _encode(Failed(response.physical_id, reason), event)


def _encode(response: Response, event: Mapping[str, Any]) -> bytes:
    echoed = {name: str(event.get(name, "")) for name in ("StackId", "RequestId", "LogicalResourceId")}
    return json.dumps({**echoed, **response.fields()}).encode()
