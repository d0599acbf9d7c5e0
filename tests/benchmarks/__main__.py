"""``python -m tests.benchmarks``: all benchmarks, or some; see ``make bench``."""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import results, rounds
from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.contests import FULL, QUICK, Benchmark


def main() -> None:
    """Measures, writes ``results.json``, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, three rounds")
    parser.add_argument("--only", metavar="NAME", default="", help="those whose name begins so; other results stay")
    options = parser.parse_args()
    chosen = [each for each in BENCHMARKS if each.name.startswith(options.only)]
    if not chosen:
        parser.error(f"no benchmark begins with {options.only!r}; there are {', '.join(b.name for b in BENCHMARKS)}")
    machine = results.machine(quick=options.quick)
    before = results.read() if options.only else {}
    found = [result for each in chosen for result in _measured(each, quick=options.quick)]
    results.write(results.merged(found, before, machine))
    sys.stdout.write(results.table(found) + "\n")


def _measured(benchmark: Benchmark, *, quick: bool) -> list[results.Result]:
    _say(benchmark.name)
    scale = QUICK if quick else FULL
    with benchmark.contest(scale) as contest:
        return results.results(benchmark, rounds.medians(contest, scale.rounds, _say))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
