"""A second fault during the recovery from the first.

The pairs within one task of a function or the producer and its retry: an equal share of all, or all
with TAILRACE_PAIRS=0/1, which takes some ten minutes. In addition, a seeded sample of the pairs
that meet two functions. `make torture PAIRS=1` tries every pair of every scenario.
"""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from tests.faults import score_chunks
from tests.faults.functions import RECONCILER
from tests.faults.injection import Fault, Schedule
from tests.faults.pairs import pair_share, sweep_pairs
from tests.faults.scenarios import SCENARIOS
from tests.faults.simulation import PRODUCER
from tests.faults.test_crash_points import faults_of

SHARE = pair_share()
SAMPLE = 15 * max(1, 24 // SHARE[1])
"""Pairs anywhere in a scenario: the more, the larger the share of the others."""
RECOVERY_CALLS = 60
"""Most calls between the first fault and the second."""
PAIRED: dict[str, tuple[str, ...]] = {
    PRODUCER: (
        "one good, one rejected before sending",
        "all rejected before sending",
        "real-time, one good, one rejected before sending",
    ),
    "collect_results": (
        "one good, one rejected before sending",
        "one misaligned row",
        "two rows that shift together",
    ),
    "handle_failures": ("one bad row", "two rows that fail together", "retry throttled"),
    "dispatch_retries": ("retry throttled", "retry refused for good"),
    score_chunks.ROLE: ("real-time, one good, one rejected before sending", "real-time, retry throttled"),
    RECONCILER: (
        "one notification lost",
        "one failure unheard of",
        "request given up",
        "deadline slept through",
    ),
}
"""For each role the smallest scenarios that together contain every type of call that it makes."""


def pair(source: random.Random, single_faults: list[Fault]) -> tuple[Fault, Fault]:
    first = source.choice(single_faults)
    return first, Fault(first.at + 1 + source.randrange(RECOVERY_CALLS), source.choice(single_faults).kind)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in PAIRED.items() for name in names])
def test_two_faults_in_what_one_role_does_and_does_again_change_nothing(role: str, name: str) -> None:
    swept = sweep_pairs(SCENARIOS[name].run, role, retry_only=True, share=SHARE)
    assert swept.tried
    assert not swept.broken, f"{len(swept.broken)} of {swept.tried}:\n" + "\n".join(swept.broken[:8])


def test_the_pairs_cover_every_call_that_a_role_makes() -> None:
    made: dict[str, set[str]] = defaultdict(set)
    covered: dict[str, set[str]] = defaultdict(set)
    for name, scenario in SCENARIOS.items():
        called: list[tuple[str, str]] = []
        scenario.run(Schedule(before_call=lambda role, call, into=called: into.append((role, call))))  # type: ignore[misc]  # typed default
        for role, call in called:
            made[role].add(call)
            if name in PAIRED.get(role, ()):
                covered[role].add(call)
    assert {role: made[role] for role in PAIRED} == covered


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_second_fault_anywhere_during_the_recovery_changes_nothing(name: str) -> None:
    scenario, source = SCENARIOS[name], random.Random(name)
    single_faults = faults_of(scenario)
    broken, both = [], 0
    for _ in range(SAMPLE):
        faults = pair(source, single_faults)
        schedule = Schedule(faults)
        try:
            scenario.run(schedule, meanwhile=source.random() < 0.5)
        except AssertionError as exc:
            broken.append(f"{faults}: {exc}")
        both += len(schedule.fired) == 2
    assert not broken, f"{len(broken)} of {SAMPLE}:\n" + "\n".join(broken[:10])
    assert both > SAMPLE // 10
