"""Canaries against answers in another order; `python -m tests.faults.positions` measures more."""

from __future__ import annotations

import random

import pytest

from tests.faults.positions import DISORDERS, ROWS, is_refused

TRIALS = 20
MISSED = ("two lines swapped",)
"""Disorders of which canaries show some."""


@pytest.mark.parametrize("canaries", [1, 8])
@pytest.mark.parametrize("disorder", [name for name in DISORDERS if name not in MISSED])
def test_a_disorder_of_many_lines_is_always_refused_where_predictions_differ(disorder: str, canaries: int) -> None:
    source = random.Random(f"{disorder}.{canaries}")
    assert all(is_refused(disorder, (ROWS, canaries), source, classes=False) for _ in range(TRIALS))
