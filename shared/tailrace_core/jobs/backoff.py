"""Backoff: how long to wait before the next attempt."""

from __future__ import annotations

import random


def backoff_s(attempt: int, random_source: random.Random, *, base_s: float = 5.0, cap_s: float = 900.0) -> float:
    """Return the seconds to wait after ``attempt`` (1, 2, …): exponential with full jitter.

    ``cap_s`` defaults to SQS's longest delay. Source: AWS Architecture Blog, "Exponential Backoff
    And Jitter".
    """
    return random_source.uniform(0, min(cap_s, base_s * 2.0 ** min(attempt - 1, 16)))
