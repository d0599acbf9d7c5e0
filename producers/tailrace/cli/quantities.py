"""Sizes and durations as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tailrace_core.errors import InputError

_SIZES = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6, "mib": 2**20,
          "g": 10**9, "gb": 10**9, "gib": 2**30}  # fmt: skip
_TIMES = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def size_bytes(text: str) -> int:
    """Parse a size such as ``4MiB``, ``500kB`` or ``1048576``; return bytes.

    Raises:
        InputError: it is not one.
    """
    size = int(_parse(text, _SIZES, "a size, for instance 4MiB"))
    if size < 1:
        raise InputError(f"{text!r} is less than a byte; write a size, for instance 4MiB")
    return size


def duration_s(text: str) -> float:
    """Parse a duration such as ``90``, ``15m``, ``24h`` or ``7d``; return seconds.

    Raises:
        InputError: it is not one.
    """
    return _parse(text, _TIMES, "a duration, for instance 90s, 15m, 24h or 7d")


def moment_s(text: str, now: float) -> float:
    """Parse a moment: ISO 8601 (UTC if it names no zone), or a duration before ``now``; return seconds since the epoch.

    Raises:
        InputError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - duration_s(text)
        except InputError:
            raise InputError(f"{text!r} is not a moment, for instance 2026-11-28, 2026-11-28T09:00 or 7d") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _parse(text: str, units: dict[str, int], what: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].lower() not in units:
        raise InputError(f"{text!r} is not {what}")
    return float(match[1]) * units[match[2].lower()]
