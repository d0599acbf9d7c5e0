"""A bounded number of random simulations; `make torture` runs more."""

from __future__ import annotations

import pytest

from tests.faults.random_runs import RandomRun

SIMULATIONS = 25


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_random_simulations_end_correctly(seed: str) -> None:
    reports = [RandomRun.of(f"{seed}:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)
