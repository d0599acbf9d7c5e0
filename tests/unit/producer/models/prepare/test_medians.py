"""Exact medians: radix selection over values on disk against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.medians import MedianStore

VALUES = st.one_of(st.floats(allow_nan=False), st.integers(-3, 3).map(float), st.sampled_from([0.0, -0.0, 1e-300]))


@given(st.lists(st.lists(VALUES, max_size=30), max_size=6), st.integers(1, 8))
def test_the_median_is_that_of_numpy(blocks: list[list[float]], in_memory: int) -> None:
    with MedianStore(in_memory=in_memory) as store:
        for block in blocks:
            store.add(0, np.array(block, np.float64))
            store.add(1, np.array(block[:1], np.float64))
        found = store.median(0)
        values = [value for block in blocks for value in block]
        if not values:
            assert found is None
            return
        with np.errstate(all="ignore"):
            wanted = float(np.median(values))
        ordered = sorted(values)
        if not math.isfinite(wanted) and all(map(math.isfinite, ordered)):
            # NumPy's sum of the two in the middle overflows.
            wanted = ordered[len(ordered) // 2 - 1] / 2 + ordered[len(ordered) // 2] / 2
        assert found == wanted or (math.isnan(wanted) and found is not None and math.isnan(found))


@pytest.mark.parametrize("count", [1, 2, 70_000, 70_001])
def test_values_that_share_their_first_bits_take_further_passes(count: int) -> None:
    values = np.random.default_rng(5).permutation(1 + np.arange(count) * 2.0**-50)
    with MedianStore(in_memory=100) as store:
        for block in np.array_split(values, 3):
            store.add(7, block)
        assert store.median(7) == np.median(values)
        assert store.median(8) is None
