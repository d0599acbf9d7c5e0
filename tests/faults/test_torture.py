"""A bounded number of random simulations; `make torture` runs more."""

from __future__ import annotations

import pytest

from tests.faults.random_runs import RandomRun
from tests.faults.transform_runs import TransformRun

SIMULATIONS = 25


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_random_simulations_end_correctly(seed: str) -> None:
    reports = [RandomRun.of(f"{seed}:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)


def test_random_simulations_of_batch_transforms_end_correctly() -> None:
    reports = [TransformRun.of(f"a:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)
