"""Every call that anybody makes, broken in every way there is: the end is the same."""

from __future__ import annotations

import pytest

from tests.faults.injection import Fault, Kind, Schedule, kinds_of
from tests.faults.scenarios import SCENARIOS, Scenario


def faults_of(scenario: Scenario, role: str | None = None) -> list[Fault]:
    """All faults open to the calls of a clean run, found by recording it: a new call is swept with the others."""
    schedule = Schedule(role=role)
    scenario.run(schedule)
    return [Fault(at, kind) for at, call in enumerate(schedule.calls) for kind in kinds_of(call)]


def sweep(scenario: Scenario, *, meanwhile: bool) -> dict[Kind, int]:
    counts: dict[Kind, int] = {}
    broken: list[str] = []
    for fault in faults_of(scenario):
        schedule = Schedule((fault,))
        try:
            scenario.run(schedule, meanwhile=meanwhile)
        except AssertionError as exc:
            broken.append(f"{fault} at {schedule.calls[fault.at] if fault.at < len(schedule.calls) else '?'}: {exc}")
        assert schedule.fired, fault
        counts[fault.kind] = counts.get(fault.kind, 0) + 1
    assert not broken, f"{len(broken)} of {sum(counts.values())}:\n" + "\n".join(broken[:10])
    return counts


@pytest.mark.parametrize("meanwhile", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_happens_at_one_call_the_job_ends_the_same(name: str, *, meanwhile: bool) -> None:
    assert sweep(SCENARIOS[name], meanwhile=meanwhile)
