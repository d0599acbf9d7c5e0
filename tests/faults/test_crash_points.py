"""Every fault at every call: the job ends the same.

By default, of the faults of one kind at one type of call by one role, the first and every fifth
after it are tried in a scenario. TAILRACE_PAIRS=0/1 tries them all, which takes some minutes.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from tests.faults.injection import RETRIED, Fault, FaultKind, Schedule, fault_kinds_of
from tests.faults.pairs import pair_share
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.simulation import PRODUCER


def faults_of(scenario: Scenario, role: str | None = None) -> list[Fault]:
    """Return all faults possible at the calls of a clean run.

    The calls are recorded, so that a new call is covered automatically.
    """
    schedule = Schedule(role=role)
    scenario.run(schedule)
    return [Fault(at, kind) for at, call in enumerate(schedule.calls) for kind in fault_kinds_of(call)]


def sampled(scenario: Scenario, role: str | None = None) -> list[Fault]:
    """Return, of the faults of one kind at one type of call by one role, the first and every fifth.

    With a larger share of the pairs, see `pair_share`, more of them; with all pairs, all.
    """
    schedule, roles = Schedule(role=role), list[str]()
    schedule.before_call = lambda each, _: roles.append(each) if role in {None, each} else None
    scenario.run(schedule)
    alike: dict[tuple[str, str, FaultKind], list[Fault]] = defaultdict(list)
    for at, (each, call) in enumerate(zip(roles, schedule.calls, strict=True)):
        for kind in fault_kinds_of(call):
            alike[each, call, kind].append(Fault(at, kind))
    every = 1 + pair_share()[1] // 5
    kept = itertools.chain.from_iterable(faults[::every] for faults in alike.values())
    return sorted(kept, key=lambda each: (each.at, each.kind))


def sweep(scenario: Scenario, *, role: str | None = None, meanwhile: bool = False) -> int:
    """Run the scenario once for each fault of the sample; return the number of runs.

    With ``meanwhile`` only for faults that end a submit: nothing happens between the tries of one
    that succeeds at once, so that its run would be the same as without.

    Raises:
        AssertionError: some runs ended wrongly; the message lists them.
    """
    faults = [each for each in sampled(scenario, role) if not (meanwhile and each.kind in RETRIED)]
    broken: list[str] = []
    for fault in faults:
        schedule = Schedule((fault,), role)
        try:
            scenario.run(schedule, meanwhile=meanwhile)
        except AssertionError as exc:
            broken.append(f"{fault} at {schedule.calls[fault.at] if fault.at < len(schedule.calls) else '?'}: {exc}")
        assert schedule.fired, fault
    assert not broken, f"{len(broken)} of {len(faults)}:\n" + "\n".join(broken[:10])
    return len(faults)


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_happens_at_one_call_the_job_ends_the_same(name: str) -> None:
    assert sweep(SCENARIOS[name])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_producer_that_fails_and_comes_back_late_continues_the_same_job(name: str) -> None:
    assert sweep(SCENARIOS[name], role=PRODUCER, meanwhile=True)
