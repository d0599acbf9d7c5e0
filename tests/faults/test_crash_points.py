"""Every fault at every call: the job ends the same."""

from __future__ import annotations

import pytest

from tests.faults.injection import RETRIED, Fault, Schedule, fault_kinds_of
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.simulation import PRODUCER


def faults_of(scenario: Scenario, role: str | None = None) -> list[Fault]:
    """Return all faults possible at the calls of a clean run.

    The calls are recorded, so that a new call is covered automatically.
    """
    schedule = Schedule(role=role)
    scenario.run(schedule)
    return [Fault(at, kind) for at, call in enumerate(schedule.calls) for kind in fault_kinds_of(call)]


def sweep(scenario: Scenario, *, role: str | None = None, meanwhile: bool = False) -> int:
    """Run the scenario once for each fault; return the number of runs.

    With ``meanwhile`` only for faults that end a submit: nothing happens between the tries of one
    that succeeds at once, so that its run would be the same as without.

    Raises:
        AssertionError: some runs ended wrongly; the message lists them.
    """
    faults = [each for each in faults_of(scenario, role) if not (meanwhile and each.kind in RETRIED)]
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
