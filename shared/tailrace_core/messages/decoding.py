"""Decoding of messages, bare (raw delivery) or in SNS's envelope.

The envelope holds the message as a string.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ValidationError

from tailrace_core.errors import MessageError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_json(body: str) -> Any:
    """Read the JSON of a message, bare or in SNS's envelope.

    Raises:
        MessageError: the body is not JSON, or nested too deeply for the parser; keeps the bytes.
    """
    try:
        data: Any = json.loads(body)
        if isinstance(data, dict) and data.get("Type") == "Notification" and isinstance(data.get("Message"), str):
            data = json.loads(data["Message"])
        return _encodable(data) if _SURROGATE.search(body) else data
    except (ValueError, RecursionError) as exc:
        raise MessageError(f"not JSON: {exc}", raw=raw_bytes(body)) from exc


def _encodable(data: Any) -> Any:
    """Replace lone halves of surrogate pairs: JSON can escape them, UTF-8 cannot encode them."""
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, list):
        return [_encodable(each) for each in data]
    if isinstance(data, dict):
        return {_encodable(name): _encodable(value) for name, value in data.items()}
    return data


def raw_bytes(body: str) -> bytes:
    """Return the bytes of a message; characters that UTF-8 cannot encode are replaced."""
    return body.encode(errors="replace")


def first_error(exc: ValidationError) -> str:
    """Return pydantic's first error in one line.

    The value is left out: it may be large or confidential.
    """
    error: Any = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])
