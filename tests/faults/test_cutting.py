"""Remote jobs under faults: whatever happens at a call, the job ends as one that was submitted.

By default each ninth fault is tried. TAILRACE_PAIRS=0/1 tries them all, and more pairs, which takes
some minutes.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from tailrace_core.jobs.settings import RequestFormat
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.cutting.functions import CuttingFunctions
from tests.faults.cutting.inbox_job import DELIVER_RESULTS, START_JOBS
from tests.faults.cutting.random_jobs import RemoteRun
from tests.faults.cutting.remote_job import STARTER, RemoteJob
from tests.faults.cutting.scenarios import SCENARIOS, RemoteScenario
from tests.faults.dataset import Dataset
from tests.faults.injection import Fault, Schedule, fault_kinds_of
from tests.faults.interleaving import run_interleaved, take_turns
from tests.faults.pairs import pair_share
from tests.faults.simulation import Simulation

ROLES = frozenset(
    {
        STARTER,
        START_JOBS,
        DELIVER_RESULTS,
        "ListStripes",
        "CountStripe",
        "SumStripes",
        "CutStripe",
        "SealCutting",
        "FailCutting",
    }
)
SIMULATIONS = 25
SAMPLE = 6
"""Pairs of faults tried for each scenario; `make torture` draws more."""


def faults_of(scenario: RemoteScenario) -> tuple[list[Fault], list[str]]:
    """Return the faults possible at the calls of the functions that cut, and the calls."""
    roles: list[str] = []
    schedule = Schedule(before_call=lambda role, _: roles.append(role))
    scenario.run(schedule)
    calls = [f"{role} {call}" for role, call in zip(roles, schedule.calls, strict=True)]
    at = [number for number, role in enumerate(roles) if role in ROLES]
    return [Fault(number, kind) for number in at for kind in fault_kinds_of(schedule.calls[number])], calls


def broken_by(scenario: RemoteScenario, faults: tuple[Fault, ...], seed: str = "") -> str | None:
    try:
        scenario.run(Schedule(faults), seed=seed)
    except AssertionError as exc:
        return f"{faults}: {exc}"
    return None


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_happens_at_one_call_the_job_ends_the_same(name: str) -> None:
    scenario = SCENARIOS[name]
    faults, calls = faults_of(scenario)
    number, of = pair_share()
    faults = faults[number % (1 + of // 3) :: 1 + of // 3]
    found = [(calls[each.at], broken_by(scenario, (each,))) for each in faults]
    broken = [f"{call}: {text}" for call, text in found if text is not None]
    assert faults
    assert not broken, f"{len(broken)} of {len(faults)}:\n" + "\n".join(broken[:10])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_second_fault_during_the_recovery_changes_nothing(name: str) -> None:
    scenario, source = SCENARIOS[name], random.Random(name)
    faults, calls = faults_of(scenario)
    number = SAMPLE * max(1, 24 // pair_share()[1])
    broken = []
    for seed in range(number):
        first = source.choice(faults)
        second = Fault(first.at + 1 + source.randrange(40), source.choice(faults).kind)
        text = broken_by(scenario, (first, second), str(seed))
        broken += [] if text is None else [f"{calls[first.at]}: {text}"]
    assert not broken, f"{len(broken)} of {number}:\n" + "\n".join(broken[:10])


@pytest.mark.parametrize("name", SCENARIOS)
def test_calls_that_come_twice_and_late_and_two_executions_change_nothing(name: str) -> None:
    scenario = SCENARIOS[name]
    for seed in range(4):
        for play in ({"repeated": 0.3, "replayed": 0.5}, {"executions": 2}):
            replace(scenario, play={**play, "meanwhile": 0.4}).run(Schedule(), seed=str(seed))


def test_two_calls_that_cut_one_stripe_at_once_change_nothing() -> None:
    """Both run in threads that take turns: one for some calls, the other for some, then the rest."""
    data = Dataset.of(b"1", b"2,2", b"3", b"4")
    for window in (0, 1):
        options = SubmitOptions(keep="id", chunk_rows=1, job_key="k", window=window)
        for first, second in itertools.product((4, 9, 12), (3, 8, 11)):
            sim = Simulation(Schedule(before_call=take_turns))
            sim.invariants.ordered = False
            job = RemoteJob(sim, data, options)
            other = CuttingFunctions(sim)
            job.before["CutStripe"] = lambda event, job=job, other=other, at=(first, second): run_interleaved(  # type: ignore[misc]  # typed default
                lambda: job.functions.call("CutStripe", event),
                lambda: other.call("CutStripe", event),
                first=at[0],
                second=at[1],
            )
            job_id = job.play()
            sim.drain()
            check(sim, job_id, data)


@pytest.mark.parametrize("hurry", [False, True])
def test_a_call_that_runs_out_of_time_stops_where_a_cut_ends(hurry: bool) -> None:  # noqa: FBT001 - by name
    # Five rows fit a cut, and take two requests in JSON; so do the four others.
    options = SubmitOptions(keep="id", job_key="k", request=RequestFormat.JSON, chunk_bytes=80)
    sim, _ = RemoteScenario(Dataset.of(*[b"1000000000"] * 9), options, hurry=hurry).run(Schedule())
    inputs = [key.rpartition("/")[2] for key in sorted(sim.cloud.s3.objects) if "/input/" in key]
    assert [name.rpartition("-")[2] for name in inputs] == ["3.csv", "2.csv", "2.csv", "2.csv"]


def test_random_remote_jobs_end_correctly() -> None:
    reports = [RemoteRun.of(f"a:{number}").run()[1] for number in range(SIMULATIONS)]
    assert sum(report.ok for report in reports)
