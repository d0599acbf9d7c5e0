"""Random worlds, a bounded number of them; `make torture` goes on from there."""

from __future__ import annotations

import pytest

from tests.faults.torture import RandomRun

WORLDS = 25


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_random_worlds_end_as_they_must(seed: str) -> None:
    reports = [RandomRun.of(f"{seed}:{number}").run()[1] for number in range(WORLDS)]
    assert sum(report.ok for report in reports if report is not None)
