"""Random simulations without end: ``python -m tests.faults.torture --seconds 600 --seed 1``.

Each draws its engine, unless ``--engine`` names it, and whether its input is cut by the state
machine (``--remote`` plays only such jobs). ``--only N`` replays simulation N of a seed.
``--pairs`` tries every pair of faults of every scenario instead, or the ``--share K/N`` of them.
``--poison`` runs a job with 1,000 bad rows among 1,000,000. ``--load`` simulates the ledger under
load. ``--deployed`` plays rounds of random jobs on the deployed local stack; ``--neighbours`` times
small jobs there, beside big ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tailrace_core.engines import Engine
from tests.faults.cutting.random_jobs import RemoteRun, is_remote
from tests.faults.deployed.neighbours import MOST_RATIO, compare_neighbours
from tests.faults.deployed.torture import play_on
from tests.faults.load.report import load_reports
from tests.faults.operator_cases import OPERATOR, SEVERAL
from tests.faults.pairs import Run, sweep_pairs
from tests.faults.poison import run_poison_job
from tests.faults.scenarios import SCENARIOS
from tests.faults.scoring.runs import play_scoring
from tests.faults.transform_runs import ALL_ENGINES, draw


def main(arguments: list[str]) -> int:
    """Run until the time is over or a simulation ends wrongly; return 1 for the latter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--engine", type=Engine, choices=ALL_ENGINES, help="play only this engine")
    parser.add_argument("--remote", action="store_true", help="play only jobs that are cut by the state machine")
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
    parser.add_argument("--rounds", type=int, default=3, help="pairs of big jobs beside which neighbours are timed")
    parser.add_argument("--model-seconds", type=float, default=0.0, help="time of a request at the neighbours' model")
    parser.add_argument("--deployed", action="store_true", help="run on the deployed local stack instead")
    parser.add_argument("--score", action="store_true", help="play runs of `tailrace score` over a real server instead")
    chosen = parser.parse_args(arguments)
    if chosen.score or chosen.deployed:
        play = play_scoring if chosen.score else play_on
        return play(chosen.seconds, chosen.seed, chosen.only)
    if chosen.load or chosen.neighbours:
        return _measure(int(chosen.seed), chosen.rounds, chosen.model_seconds, neighbours=chosen.neighbours)
    if chosen.poison:
        print(run_poison_job(1_000_000, 1_000, 10_000))
        return 0
    if chosen.pairs:
        return _try_pairs(chosen.share)
    until = time.monotonic() + chosen.seconds
    totals: Counter[str] = Counter()
    number = 0 if chosen.only is None else chosen.only
    while time.monotonic() < until:
        if not _play(f"{chosen.seed}:{number}", number, chosen, totals):
            return 1
        if chosen.only is not None:
            break
        number += 1
    print(", ".join(f"{name} {count}" for name, count in totals.items()))
    return 0


def _measure(seed: int, rounds: int, model_s: float, *, neighbours: bool) -> int:
    """Print the figures of small jobs beside big ones, or of the ledger under load.

    Returns 1 if small jobs take longer than they may.
    """
    if not neighbours:
        for line in load_reports(seed):
            print(line, flush=True)
        return 0
    report = compare_neighbours(seed, rounds, model_s)
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


def _play(seed: str, number: int, chosen: argparse.Namespace, totals: Counter[str]) -> bool:
    remote = chosen.remote or is_remote(seed)
    engine = None if chosen.engine is Engine.TRANSFORM else chosen.engine
    trial = RemoteRun.of(seed, engine) if remote else draw(seed, chosen.engine)
    try:
        sim, report = trial.run()
    except AssertionError as exc:
        again = (
            f"make torture SEED={chosen.seed} ONLY={number} ENGINE={trial.engine}{' REMOTE=1' if chosen.remote else ''}"
        )
        print(f"simulation {number} ended wrongly: {exc}\n{trial}\nreplay it: {again}")
        return False
    totals.update(simulations=1, deaths=sim.functions.deaths, faults=len(sim.schedule.fired), redriven=sim.redriven)
    totals.update({**report.counts, "not isolated": sum(job.rows_not_isolated for job in map(sim.job, sim.jobs))})
    totals.update(trial.drawn)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
