"""Measures how often canaries show a disorder: ``python -m tests.faults.positions``.

Each trial draws a chunk, a model's predictions and one disorder that keeps the number of lines, and
checks the answer as CollectResults does. The table gives the share of chunks refused, in per cent,
for predictions that are all different and for one of three classes.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator

from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.positions.canaries import check_copies, insert_copies
from tailrace_core.positions.canary_draws import draw_layout

ROWS = 1_000
CHUNKS = {
    "1,000 rows, N up to 4": (ROWS, 1),
    "N = 8": (ROWS, 8),
    "N = 16": (ROWS, 16),
    "9 rows": (9, 1),
    "3 rows": (3, 1),
    "2 rows": (2, 1),
}
"""The columns of the table: rows of a chunk and canaries."""
_CLASSES = (b"a", b"b", b"c")
_ADDED = b"warning"

Lines = list[bytes]


def _dropped_then_ended(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :], _ADDED]


def _dropped_and_begun(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines))
    return [_ADDED, *lines[:at], *lines[at + 1 :]]


def _dropped_then_doubled(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines))
    rest = [*lines[:at], *lines[at + 1 :]]
    return [*rest, rest[-1]]


def _dropped_and_begun_twice(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines))
    rest = [*lines[:at], *lines[at + 1 :]]
    return [rest[0], *rest]


def _inserted(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines))
    return [*lines[:at], _ADDED, *lines[at:-1]]


def _doubled(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(len(lines) - 1)
    return [*lines[: at + 1], *lines[at:-1]]


def _rotated(lines: Lines, source: random.Random) -> Lines:
    at = source.randrange(1, len(lines))
    return lines[at:] + lines[:at]


def _swapped(lines: Lines, source: random.Random) -> Lines:
    one, other = source.sample(range(len(lines)), 2)
    moved = list(lines)
    moved[one], moved[other] = lines[other], lines[one]
    return moved


def _reversed(lines: Lines, _: random.Random) -> Lines:
    return lines[::-1]


DISORDERS: dict[str, Callable[[Lines, random.Random], Lines]] = {
    "a row dropped, a line added at the end": _dropped_then_ended,
    "a row dropped, a line added at the start": _dropped_and_begun,
    "a row dropped, the last line doubled": _dropped_then_doubled,
    "a row dropped, the first line doubled": _dropped_and_begun_twice,
    "a line inserted, the last cut off": _inserted,
    "a line doubled, the last cut off": _doubled,
    "all lines rotated": _rotated,
    "two lines swapped": _swapped,
    "all lines reversed": _reversed,
}


def is_refused(disorder: str, chunk: tuple[int, int], source: random.Random, *, classes: bool) -> bool:
    """Draw one chunk and its disordered answer; return whether the canaries show it."""
    rows, canaries = chunk
    layout = draw_layout(f"{source.random()}", RowRange(0, rows), rows, canaries)
    predictions = [source.choice(_CLASSES) if classes else b"%d" % row for row in range(rows)]
    answer = DISORDERS[disorder](insert_copies(predictions, layout), source)
    try:
        for _ in check_copies([answer], layout, first_row=0):
            pass
    except AlignmentError:
        return True
    return False


def table(trials: int, seed: str) -> Iterator[str]:
    """Yield the lines of the table in Markdown."""
    yield "| disorder | " + " | ".join(CHUNKS) + " |"
    yield "| -- |" + " -- |" * len(CHUNKS)
    for name in DISORDERS:
        cells = []
        for chunk in CHUNKS.values():
            source = random.Random(f"{seed}.{name}.{chunk}")
            shares = [
                100 * sum(is_refused(name, chunk, source, classes=classes) for _ in range(trials)) / trials
                for classes in (False, True)
            ]
            cells.append("{:.1f} / {:.1f}".format(*shares))
        yield f"| {name} | " + " | ".join(cells) + " |"


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--seed", default="0")
    chosen = parser.parse_args(arguments)
    for line in table(chosen.trials, chosen.seed):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
