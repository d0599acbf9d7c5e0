"""``python -m tests.benchmarks``: all benchmarks, or some; see ``make bench``."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from dataclasses import replace

from tests.benchmarks import results, rounds
from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.contests import FULL, QUICK, Benchmark, Scale


def main() -> None:
    """Measure, write ``results.json`` (a quick run: a file of its own), print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, three rounds")
    parser.add_argument("--only", metavar="NAME", default="", help="those whose name begins so; other results stay")
    options = parser.parse_args()
    chosen = [each for each in BENCHMARKS if each.name.startswith(options.only)]
    if not chosen:
        parser.error(f"no benchmark begins with {options.only!r}; there are {', '.join(b.name for b in BENCHMARKS)}")
    path = results.QUICK_PATH if options.quick else results.PATH
    machine = results.machine(quick=options.quick)
    before = results.read(path) if options.only else {}
    with ExitStack() as kept:
        scale = replace(QUICK, kept=kept) if options.quick else FULL
        found = [result for each in chosen for result in _measured(each, scale)]
    results.write(results.merged(found, before, machine), path)
    sys.stdout.write(results.table(found, quick=options.quick) + "\n")


def _measured(benchmark: Benchmark, scale: Scale) -> list[results.Result]:
    _say(benchmark.name)
    started = time.perf_counter()
    with benchmark.contest(scale) as contest:
        found = results.results(benchmark, rounds.medians(contest, scale.rounds, _say))
    _say(f"  {time.perf_counter() - started:.1f} s in all")
    return found


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
