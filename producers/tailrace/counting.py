"""Counting records with NumPy: several times as fast as ``tailrace_core.records.count_records``, with the same result."""

from __future__ import annotations

import numpy as np

_NEWLINE = ord("\n")
_QUOTE = ord('"')


def count_records(data: bytes) -> int:
    """How many records ``data`` holds, which begins outside of quotes; the last may lack its line end."""
    if not data:
        return 0
    values = np.frombuffer(data, np.uint8)
    if b'"' not in data:
        return int(np.count_nonzero(values == _NEWLINE)) + (values[-1] != _NEWLINE)
    quotes = np.flatnonzero(values == _QUOTE)
    newlines = np.flatnonzero(values == _NEWLINE)
    # A newline after an even number of quotes stands outside of them.
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return len(ends) + bool(len(ends) == 0 or ends[-1] != len(data) - 1)
