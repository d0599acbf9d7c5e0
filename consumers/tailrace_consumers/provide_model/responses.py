"""What CloudFormation is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_RESPONSE_BYTES = 4096
"""Of the whole answer; CloudFormation does not read a longer one, and the stack would wait in vain."""
_MAX_REASON_BYTES = 1500
"""Of a reason, before it is escaped: the stack's events show no more than a few lines."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It is done; ``attributes`` can be asked for by GetAtt."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """What an answer says of it."""
        return {"Status": "SUCCESS", "PhysicalResourceId": self.physical_id, "Data": dict(self.attributes)}


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not done. ``physical_id`` is what CloudFormation will ask to be deleted when it rolls back."""

    physical_id: str
    reason: str

    def fields(self) -> dict[str, Any]:
        """What an answer says of it."""
        cut = self.reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        return {"Status": "FAILED", "PhysicalResourceId": self.physical_id, "Reason": cut or "no reason was given"}


Response = Succeeded | Failed


def encode_response(answer: Response, event: Mapping[str, Any]) -> bytes:
    """The answer to an event, within the limit: attributes that do not fit in make it a failure that says so."""
    found = _encoded(answer, event)
    if len(found) <= MAX_RESPONSE_BYTES:
        return found
    reason = (
        f"the response has {len(found)} bytes, CloudFormation reads {MAX_RESPONSE_BYTES}: "
        "shorten the keys of the model's archives"
        if isinstance(answer, Succeeded)
        else "the reason is too long for CloudFormation; the function's log has it"
    )
    return _encoded(Failed(answer.physical_id, reason), event)


def _encoded(answer: Response, event: Mapping[str, Any]) -> bytes:
    echoed = {name: str(event.get(name, "")) for name in ("StackId", "RequestId", "LogicalResourceId")}
    return json.dumps({**echoed, **answer.fields()}).encode()
