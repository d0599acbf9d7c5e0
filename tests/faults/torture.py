"""Random simulations without end: ``python -m tests.faults.torture --seconds 600 --seed 1``.

``--only N`` replays simulation N of a seed. ``--pairs`` tries every pair of faults of every
scenario instead, or the ``--share K/N`` of them. ``--poison`` runs a job with 1,000 bad rows among
1,000,000. ``--load`` simulates the ledger under load. ``--deployed`` plays rounds of random jobs on
the deployed local stack; ``--neighbours`` times small jobs there, beside big ones.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace

from tailrace.options import SubmitOptions
from tailrace_core.jobs.model import JobState, OnParked
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.deployed.neighbours import MOST_RATIO, compare_neighbours
from tests.faults.deployed.torture import play_on
from tests.faults.injection import Fault, FaultKind, Schedule
from tests.faults.load.report import load_reports
from tests.faults.operator_cases import OPERATOR, SEVERAL
from tests.faults.pairs import Run, sweep_pairs
from tests.faults.poison import run_poison_job
from tests.faults.scenarios import SCENARIOS
from tests.faults.simulation import Simulation
from tests.faults.verdict import Report

_VALUES = (b"1", b"22", b"333", b"4444", b"poison", b"swallow", b"flaky", b"5,5", b"fatal")
_WEIGHTS = (8, 8, 8, 8, 2, 2, 2, 2, 2)
_DISORDERS = (b"reversed", b"rotated", b"dropped")
"""Rows with which the model answers in another order: only jobs with canaries have them."""
_OUTAGES = 0.2
"""Share of the simulations in which the endpoint is down for a while."""


@dataclass(frozen=True)
class RandomRun:
    """One random simulation, determined by its seed."""

    seed: str
    data: Dataset
    options: SubmitOptions
    faults: tuple[Fault, ...]
    notification_counts: tuple[int | None, ...]
    meanwhile: bool
    outage_s: tuple[float, float] | None
    hurries: int

    @classmethod
    def of(cls, seed: str) -> RandomRun:
        source = random.Random(seed)
        values = source.choices(_VALUES, _WEIGHTS, k=source.randint(1, 12))
        options = SubmitOptions(
            keep="id",
            chunk_rows=source.randint(1, 6),
            job_key="k",
            split_budget=source.choice((0, 1, 100, 100, None)),
            request_ttl_s=600,
            invocation_timeout_s=60,
            window=source.choice((0, 1, 2, 3)),
        )
        canaries = source.choice((0, 0, 1, 2, 8))
        if canaries:
            # Canaries show a disorder if rows have predictions of their own.
            values = [value if b"," in value else value + b".%d" % row for row, value in enumerate(values)]
            wrong = source.randrange(len(values))
            values[wrong] = source.choice(_DISORDERS) + b".%d" % wrong
            options = replace(options, canaries=canaries)
        kinds = list(FaultKind)
        faults = tuple(Fault(source.randrange(300), source.choice(kinds)) for _ in range(source.randint(0, 6)))
        notification_counts = tuple(source.choice((None, 0, 1, 1, 1, 2, 3)) for _ in range(source.randint(0, 6)))
        meanwhile = source.random() < 0.5
        options = replace(options, on_parked=source.choice((OnParked.WAIT, OnParked.WAIT, OnParked.FAIL)))
        outage_s, hurries = None, source.choice((0, 0, 1, 5))
        if source.random() < _OUTAGES:
            # Rows that always answer 500 and late notifications of successes are left out: then
            # nothing tells an outage from bad rows, or from an endpoint that works.
            values = [value.replace(b"fatal", b"1") for value in values]
            faults, notification_counts = (), ()
            begin_s = source.choice((0.0, source.uniform(0, 30)))
            outage_s = begin_s, begin_s + source.choice((20.0, 200.0, 5_000.0))
        return cls(seed, Dataset.of(*values), options, faults, notification_counts, meanwhile, outage_s, hurries)

    @property
    def ends(self) -> frozenset[JobState]:
        """Final states allowed besides the one that follows from the rows.

        An endpoint that fails for good may exhaust the operator too, and the job expires.
        """
        fatal = any(b"fatal" in row.value for row in self.data.rows)
        ends = {JobState.EXPIRED} if fatal or self.outage_s else set[JobState]()
        return frozenset(ends | ({JobState.FAILED} if self.options.on_parked is OnParked.FAIL else set[JobState]()))

    def run(self) -> tuple[Simulation, Report | None]:
        """Run the simulation; raise AssertionError if it ends wrongly.

        There is no report for a job whose split budget was spent: the rows rejected with their
        chunk depend on the order of events.
        """
        sim = Simulation(
            Schedule(self.faults),
            notification_counts=list(self.notification_counts),
            outage_s=self.outage_s,
            hurries=self.hurries,
        )
        job_id = sim.submit_until_done(self.data.text, self.options, meanwhile=self.meanwhile)
        sim.drain()
        job = sim.job(job_id)
        budget = self.options.split_budget
        if not job.split_budget and budget is not None and budget < len(self.data.rows):
            # Good rows were rejected with their chunk; the order of events determines which.
            assert job.complete, job
            scored = {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS} if job.rows_scored else {JobState.FAILED}
            assert job.state in scored | self.ends, job
            assert job.rows_not_isolated <= job.rows_rejected, job
            return sim, None
        if job.state in self.ends:
            return sim, check(sim, job_id, self.data, expected=job.state)
        return sim, check(sim, job_id, self.data)


def main(arguments: list[str]) -> int:
    """Run until the time is over or a simulation ends wrongly; return 1 for the latter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", type=int, help="replay only the simulation of this number")
    parser.add_argument(
        "--poison", action="store_true", help="run a job with 1,000 poison rows among 1,000,000 instead"
    )
    parser.add_argument("--pairs", action="store_true", help="try every pair of faults of every scenario instead")
    parser.add_argument(
        "--share",
        type=_share,
        default=(0, 1),
        metavar="K/N",
        help="of the pairs, for N machines",
    )
    parser.add_argument("--load", action="store_true", help="simulate contention and a backlog in the ledger instead")
    parser.add_argument(
        "--neighbours", action="store_true", help="time small jobs beside big ones on the deployed local stack instead"
    )
    parser.add_argument("--deployed", action="store_true", help="run on the deployed local stack instead")
    chosen = parser.parse_args(arguments)
    if chosen.deployed:
        return play_on(chosen.seconds, chosen.seed, chosen.only)
    if chosen.load or chosen.neighbours:
        return _measure(int(chosen.seed), neighbours=chosen.neighbours)
    if chosen.poison:
        print(run_poison_job(1_000_000, 1_000, 10_000))
        return 0
    if chosen.pairs:
        return _try_pairs(chosen.share)
    until = time.monotonic() + chosen.seconds
    totals: Counter[str] = Counter()
    number = 0 if chosen.only is None else chosen.only
    while time.monotonic() < until:
        if not _play(f"{chosen.seed}:{number}", number, chosen.seed, totals):
            return 1
        if chosen.only is not None:
            break
        number += 1
    print(", ".join(f"{name} {count}" for name, count in totals.items()))
    return 0


def _measure(seed: int, *, neighbours: bool) -> int:
    """Print the figures of small jobs beside big ones, or of the ledger under load.

    Returns 1 if small jobs take longer than they may.
    """
    if not neighbours:
        for line in load_reports(seed):
            print(line, flush=True)
        return 0
    report = compare_neighbours(seed)
    print(report)
    return int(report.ratio > MOST_RATIO)


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part) - 1, int(parts)


def _try_pairs(share: tuple[int, int]) -> int:
    """Try the pairs of each scenario and operator case; return 1 if one fails."""
    runs: list[tuple[str, Run, str | None]] = [(name, scenario.run, None) for name, scenario in SCENARIOS.items()]
    runs += [(name, case.run, OPERATOR) for name, case in SEVERAL.items()]
    tried, wrong = 0, 0
    for name, run, role in runs:
        begun = time.monotonic()
        swept = sweep_pairs(run, role, share=share)
        tried, wrong = tried + swept.tried, wrong + len(swept.broken)
        seconds = time.monotonic() - begun
        print(f"{name}: {swept.tried} pairs in {seconds:.0f} s, {len(swept.broken)} ended wrongly", flush=True)
        for broken in swept.broken[:10]:
            print(f"  {broken}", flush=True)
    print(f"{tried} pairs, {wrong} ended wrongly")
    return 1 if wrong else 0


def _play(seed: str, number: int, base: str, totals: Counter[str]) -> bool:
    trial = RandomRun.of(seed)
    try:
        sim, report = trial.run()
    except AssertionError as exc:
        print(f"simulation {number} ended wrongly: {exc}\n{trial}\nreplay it: make torture SEED={base} ONLY={number}")
        return False
    totals.update(simulations=1, deaths=sim.functions.deaths, faults=len(sim.schedule.fired), redriven=sim.redriven)
    if report is not None:
        totals.update(report.counts)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
