"""How messages are read: bare (raw delivery) or in SNS's envelope, which holds the message as a string."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ValidationError

from tailrace_core.errors import MessageError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_json(body: str) -> Any:
    """The JSON of a message that came bare or in SNS's envelope.

    Raises:
        MessageError: it is not JSON, or nested deeper than a parser goes; keeps the bytes.
    """
    try:
        data: Any = json.loads(body)
        if isinstance(data, dict) and data.get("Type") == "Notification" and isinstance(data.get("Message"), str):
            data = json.loads(data["Message"])
        return _encodable(data) if _SURROGATE.search(body) else data
    except (ValueError, RecursionError) as exc:
        raise MessageError(f"not JSON: {exc}", raw=raw_bytes(body)) from exc


def _encodable(data: Any) -> Any:
    """``data`` with halves of surrogate pairs replaced: JSON can escape them alone, but nothing can be written then."""
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, list):
        return [_encodable(each) for each in data]
    if isinstance(data, dict):
        return {_encodable(name): _encodable(value) for name, value in data.items()}
    return data


def raw_bytes(body: str) -> bytes:
    """The bytes of a message for whoever has to look at it; what is not UTF-8 is replaced."""
    return body.encode(errors="replace")


def first_error(exc: ValidationError) -> str:
    """The first complaint of pydantic, in one line and without the value: that may be large, or somebody's data."""
    error: Any = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])
