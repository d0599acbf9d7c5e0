"""Cuts a file at record boundaries: ``count``, ``check`` or ``split`` (FOLDER).

Reports the number of records.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.records.cutting import Cut, Limits, cut
from tailrace_core.records.preflight import Preflight
from tests.benchmarks.report import report

CHUNK_BYTES = 4 * 1024 * 1024


def cuts(path: str) -> Iterator[Cut]:
    """Yield the file in cuts of the size that a submit makes."""
    with Source.open([path], header=HeaderPolicy.NONE) as source:
        yield from cut(source.blocks(), Limits(rows=10**9, size_bytes=CHUNK_BYTES))


def count(path: str) -> int:
    """Cut and count."""
    return sum(each.rows for each in cuts(path))


def check(path: str, columns: str) -> int:
    """Cut, count and check for rows that no container should get."""
    preflight = Preflight(int(columns))
    return sum(each.rows - len(preflight.check(each)) for each in cuts(path))


def split(path: str, folder: str) -> int:
    """Cut, count and write each cut to a file of its own."""
    rows = 0
    for each in cuts(path):
        with Path(folder, f"{each.first_row:012d}").open("wb", buffering=0) as file:
            file.writelines(each.pieces)
        rows += each.rows
    return rows


if __name__ == "__main__":
    what: dict[str, Callable[..., int]] = {"count": count, "check": check, "split": split}
    report(lambda: what[sys.argv[1]](*sys.argv[2:]))
