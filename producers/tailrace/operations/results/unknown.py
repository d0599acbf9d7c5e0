"""Events of types or schema versions that this version of the package does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tailrace_core.messages.decoding import read_json
from tailrace_core.messages.events import JobFinished, PartReady, decode_published

Event: TypeAlias = PartReady | JobFinished
_KNOWN = frozenset({"PartReady", "JobFinished"})
_VERSION = 1


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a later version: a type or a schema version that is not known here."""

    type: str
    schema_version: int
    data: Mapping[str, Any]
    """The message's JSON, as it came."""

    def __str__(self) -> str:
        return f"{self.type} of schema version {self.schema_version}"


OnUnknown: TypeAlias = Literal["skip", "fail"] | Callable[[UnknownEvent], object]
"""Treatment of unknown events.

``skip`` acknowledges and counts them; ``fail`` raises `MessageError` and leaves the event in the
queue; a function is called with each, which is then acknowledged and counted.
"""


def decode_event(body: str) -> Event | UnknownEvent:
    """Decode a message of the queue, bare or in SNS's envelope.

    Raises:
        MessageError: the body is no event, or one that breaks the schema of its type.
    """
    data = read_json(body)
    if isinstance(data, dict):
        kind, version = data.get("type"), data.get("schema_version", _VERSION)
        named = isinstance(kind, str) and kind and isinstance(version, int) and not isinstance(version, bool)
        if named and (kind not in _KNOWN or version != _VERSION):
            return UnknownEvent(str(kind), int(version), data)
    return decode_published(body)
