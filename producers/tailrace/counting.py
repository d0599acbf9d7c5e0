"""Counting records with NumPy: what ``tailrace_core.records.count_records`` counts, several times as fast."""

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
        return int(np.count_nonzero(values == _NEWLINE)) + (not data.endswith(b"\n"))
    quotes = np.flatnonzero(values == _QUOTE)
    newlines = np.flatnonzero(values == _NEWLINE)
    # A newline after an even number of quotes stands outside of them.
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return len(ends) + bool(len(ends) == 0 or ends[-1] != len(data) - 1)
