"""Cuts a file at record boundaries: ``count``, ``check`` or ``split`` (FOLDER).

Reports the number of records.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.records.ahead import worked_ahead
from tailrace_core.records.cutting import Cut, Limits, cut
from tailrace_core.records.preflight import Preflight
from tests.benchmarks.report import report

CHUNK_BYTES = 4 * 1024 * 1024


def cuts(path: str, helper: Executor) -> Iterator[Cut]:
    """Yield the file in cuts of the size that a submit makes."""
    with Source.open([path], header=HeaderPolicy.NONE) as source:
        yield from cut(source.blocks(), Limits(rows=10**9, size_bytes=CHUNK_BYTES), helper=helper)


def count(path: str) -> int:
    """Cut and count."""
    with ThreadPoolExecutor(1) as helper:
        return sum(each.rows for each in cuts(path, helper))


def check(path: str, columns: str) -> int:
    """Cut, count and check for rows that no container should get, as a dry run does."""
    preflight = Preflight(int(columns))
    with ThreadPoolExecutor(1) as helper:
        checked = worked_ahead(cuts(path, helper), preflight.check, helper)
        return sum(each.rows - len(bad) for each, bad in checked)


def split(path: str, folder: str) -> int:
    """Cut, count and write each cut to a file of its own."""
    rows = 0
    with ThreadPoolExecutor(1) as helper:
        for each in cuts(path, helper):
            with Path(folder, f"{each.first_row:012d}").open("wb", buffering=0) as file:
                file.writelines(each.pieces)
            rows += each.rows
    return rows


if __name__ == "__main__":
    what: dict[str, Callable[..., int]] = {"count": count, "check": check, "split": split}
    report(lambda: what[sys.argv[1]](*sys.argv[2:]))
