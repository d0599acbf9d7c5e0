"""Client of the cloud's admin API (`/_tailrace/…`)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 30.0
"""Longest wait. On a busy machine a cloud answers seconds late, during a large job for instance."""


def get_json(url: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any] | None:
    """Get the JSON object at a URL of the admin API, or None if the cloud does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 - our own http address
            found = json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
