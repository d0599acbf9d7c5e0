"""Backoff between attempts."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.backoff import backoff_s


@given(st.integers(1, 10_000), st.integers())
def test_waits_are_jittered_below_a_doubling_bound(attempt: int, seed: int) -> None:
    wait_s = backoff_s(attempt, random.Random(seed))
    assert 0 <= wait_s <= min(900.0, 5.0 * 2.0 ** min(attempt - 1, 16))


def test_waits_grow_with_the_attempts() -> None:
    most = [max(backoff_s(attempt, random.Random(seed)) for seed in range(200)) for attempt in (1, 3, 5, 20)]
    assert most == sorted(most)
    assert most[0] <= 5.0 < most[1]
    assert most[-1] > 800.0
