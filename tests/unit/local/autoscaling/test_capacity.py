from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.autoscaling.capacity import step_scaling_capacity, target_tracking_capacity

STEPS: dict[str, Any] = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 3},
        {"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1},
    ],
}


@pytest.mark.parametrize(("beyond", "expected"), [(0, 5), (9.9, 5), (10, 7), (1000, 7), (-0.1, 3)])
def test_the_step_in_whose_interval_the_value_lies_decides(beyond: float, expected: int) -> None:
    assert step_scaling_capacity(STEPS, 4, beyond) == expected


def test_a_value_without_a_step_changes_nothing() -> None:
    assert step_scaling_capacity({**STEPS, "StepAdjustments": STEPS["StepAdjustments"][:2]}, 4, -1) == 4


@pytest.mark.parametrize(
    ("kind", "adjustment", "least", "expected"),
    [
        ("ExactCapacity", 2, 0, 2),
        ("PercentChangeInCapacity", 25, 0, 12),
        ("PercentChangeInCapacity", 1, 0, 11),
        ("PercentChangeInCapacity", -1, 0, 9),
        ("PercentChangeInCapacity", 10, 4, 14),
    ],
)
def test_each_type_of_adjustment(kind: str, adjustment: int, least: int, expected: int) -> None:
    configuration = {
        "AdjustmentType": kind,
        "MinAdjustmentMagnitude": least,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}],
    }
    assert step_scaling_capacity(configuration, 10, 1) == expected


@given(st.integers(1, 100), st.integers(0, 10_000), st.integers(1, 100))
def test_tracking_asks_for_the_fewest_instances_that_bring_the_metric_to_its_target(
    capacity: int, value: int, target: int
) -> None:
    wanted = target_tracking_capacity(target, capacity, value)
    load = capacity * value
    assert load <= wanted * target
    assert wanted == 0 or (wanted - 1) * target < load


def test_tracking_does_not_leave_zero() -> None:
    assert target_tracking_capacity(5.0, 0, 1000.0) == 0
