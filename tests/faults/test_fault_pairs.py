"""A second fault while the first is being recovered from: a seeded sample here, without end in `make torture`."""

from __future__ import annotations

import random

import pytest

from tests.faults.injection import Fault, Schedule
from tests.faults.scenarios import SCENARIOS
from tests.faults.test_crash_points import faults_of

SAMPLE = 30
RECOVERY_CALLS = 60
"""How many calls after the first fault the second may come."""


def pair(source: random.Random, singles: list[Fault]) -> tuple[Fault, Fault]:
    first = source.choice(singles)
    return first, Fault(first.at + 1 + source.randrange(RECOVERY_CALLS), source.choice(singles).kind)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_second_fault_during_the_recovery_changes_nothing(name: str) -> None:
    scenario, source = SCENARIOS[name], random.Random(name)
    singles = faults_of(scenario)
    broken, both = [], 0
    for _ in range(SAMPLE):
        faults = pair(source, singles)
        schedule = Schedule(faults)
        try:
            scenario.run(schedule, meanwhile=source.random() < 0.5)
        except AssertionError as exc:
            broken.append(f"{faults}: {exc}")
        both += len(schedule.fired) == 2
    assert not broken, f"{len(broken)} of {SAMPLE}:\n" + "\n".join(broken[:10])
    assert both > SAMPLE // 10
