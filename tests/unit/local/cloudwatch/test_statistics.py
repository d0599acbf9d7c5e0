from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.cloudwatch.statistics import Point, by_period

values = st.lists(st.integers(0, 1000), min_size=1, max_size=30)
PLAIN: dict[str, Callable[[list[int]], float]] = {
    "Sum": sum,
    "Average": statistics.fmean,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
    "p50": lambda found: float(np.percentile(found, 50)),
    "p99.9": lambda found: float(np.percentile(found, 99.9)),
}


@given(values)
@pytest.mark.parametrize("statistic", PLAIN)
def test_a_periods_value_is_that_of_all_values_in_it(statistic: str, found: list[int]) -> None:
    points = [Point.of(30.0, value) for value in found]
    (value,) = by_period(points, statistic, period_s=60, end_s=60, periods=1)
    assert value == pytest.approx(PLAIN[statistic](found))


def test_a_value_belongs_to_the_period_that_it_was_put_in_and_the_one_at_work_is_left_out() -> None:
    points = [Point.of(at, 1.0) for at in (0.0, 59.9, 60.0, 180.0)]
    assert by_period(points, "Sum", period_s=60, end_s=180, periods=3) == [2.0, 1.0, None]


def test_a_set_of_values_has_no_percentile() -> None:
    (value,) = by_period([Point(0.0, 3, 6.0, 1.0, 3.0)], "p90", period_s=60, end_s=60, periods=1)
    assert value is None


def test_an_unknown_statistic_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="IQM"):
        by_period([Point.of(0.0, 1.0)], "IQM", period_s=60, end_s=60, periods=1)
