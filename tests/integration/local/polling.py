"""Waiting for a condition, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN_S = 180.0
"""Longest wait unless a test names its own: many times what the slowest condition takes."""


def eventually(look: Callable[[], T], *, within_s: float = WITHIN_S, what: str = "the condition") -> T:
    """Return the first truthy result of `look`."""
    deadline = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within_s:.0f} s; last seen: {found!r}")
        time.sleep(0.05)
