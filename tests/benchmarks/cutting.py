"""Cutting a CSV, step by step, side by side with ``wc -l`` reading the same file.

    python -m tests.benchmarks.cutting [--megabytes 512] [--rounds 5]

Writes a numeric file and one of text (a fifth of its fields quoted, with newlines in them) to a temporary folder, and
reads each in turn by every way. Prints the median GB/s of each and its ratio to ``wc -l``. Figures move with the
machine's load; the ratios move less.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tailrace.columns import ColumnPlan
from tailrace.counting import count_records
from tailrace.preflight import Preflight
from tailrace.sources import Source
from tailrace_core.framing import Cut, cut
from tailrace_core.headers import HeaderPolicy

_COLUMNS = 10
_CHUNK_BYTES = 4 * 1024 * 1024
_CHUNK_ROWS = 1_000_000
_SAMPLE_ROWS = 20_000


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512, help="size of each file (default: 512)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is measured (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tailrace-cutting-") as folder:
        for name, field in (("numeric", _number), ("text", _text)):
            path = Path(folder, f"{name}.csv")
            _write(path, options.megabytes * 10**6, field)
            _compare(name, path, options.rounds)
            path.unlink()


def _compare(name: str, path: Path, rounds: int) -> None:
    ways: dict[str, Callable[[Path], object]] = {
        "wc -l": _wc,
        "read": _read,
        "cut and count": _cut_all,
        "cut and count, without NumPy": partial(_cut_all, numpy=False),
        "cut, count, check": _check_all,
        "cut, count, select columns": _select_all,
        "cut, count, reorder columns": partial(_select_all, reverse=True),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            started = time.perf_counter()
            run(path)
            seconds[way].append(time.perf_counter() - started)
    medians = {way: statistics.median(measured) for way, measured in seconds.items()}
    size_gb = path.stat().st_size / 1e9
    for way, median in medians.items():
        _print(f"{name:8} {way:30} {size_gb / median:6.2f} GB/s  {medians['wc -l'] / median:5.2f} of wc -l")


def _wc(path: Path) -> None:
    subprocess.run(["wc", "-l", str(path)], check=True, stdout=subprocess.DEVNULL)


def _read(path: Path) -> None:
    with Source.open([str(path)], header=HeaderPolicy.NONE) as source:
        for _ in source.blocks():
            pass


def _cuts(path: Path, *, numpy: bool = True) -> Iterator[Cut]:
    with Source.open([str(path)], header=HeaderPolicy.NONE) as source:
        limited = partial(cut, source.blocks(), max_rows=_CHUNK_ROWS, max_bytes=_CHUNK_BYTES)
        yield from limited(count=count_records) if numpy else limited()


def _cut_all(path: Path, *, numpy: bool = True) -> int:
    return sum(each.rows for each in _cuts(path, numpy=numpy))


def _check_all(path: Path) -> None:
    preflight = Preflight(_COLUMNS)
    if any(preflight.check(each) for each in _cuts(path)):
        sys.exit("the generated file holds bad rows: the benchmark is wrong")


def _select_all(path: Path, *, reverse: bool = False) -> None:
    names = [str(position) for position in range(_COLUMNS)]
    plan = ColumnPlan.from_names(names, keep=["0"], send=names[:0:-1] if reverse else ())
    for each in _cuts(path):
        plan.select(each.pieces)


def _write(path: Path, size_bytes: int, field: Callable[[random.Random], str]) -> None:
    randomness = random.Random(7)
    rows = (",".join(field(randomness) for _ in range(_COLUMNS)) for _ in range(_SAMPLE_ROWS))
    sample = "".join(f"{row}\n" for row in rows).encode()
    with path.open("wb") as file:
        for _ in range(max(1, size_bytes // len(sample))):
            file.write(sample)


def _number(randomness: random.Random) -> str:
    return f"{randomness.uniform(-1000, 1000):.4f}"


def _text(randomness: random.Random) -> str:
    words = " ".join(randomness.choices(("river", "wheel", "größe", "mill", "water"), k=3))
    return f'"{words},\nand ""more"""' if randomness.random() < 1 / 5 else words


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
