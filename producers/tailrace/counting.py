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
    marks = values[(values == _QUOTE) | (values == _NEWLINE)]
    quotes = marks == _QUOTE
    # After an odd number of quotes a newline stands inside them.
    inside = np.bitwise_xor.accumulate(quotes)
    unfinished = bool(inside[-1]) or not data.endswith(b"\n")
    return int(np.count_nonzero(~(quotes | inside))) + unfinished
