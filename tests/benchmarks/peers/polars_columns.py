"""Splits the first column off a file with polars: to a file of its own, all others to another.

``eager`` reads all, then writes; ``stream`` writes both while it reads.
"""

from __future__ import annotations

import sys

import polars as pl

from tests.benchmarks.report import report


def eager(path: str, kept: str, sent: str) -> None:
    """Split with everything as text, so that it comes out unchanged."""
    frame = pl.read_csv(path, has_header=False, infer_schema=False)
    first, *others = frame.columns
    frame.select(first).write_csv(kept, include_header=False)
    frame.select(others).write_csv(sent, include_header=False)


def stream(path: str, kept: str, sent: str) -> None:
    """Split lazily, while reading."""
    frame = pl.scan_csv(path, has_header=False, infer_schema=False)
    first, *others = frame.collect_schema().names()
    pl.collect_all(
        [
            frame.select(first).sink_csv(kept, include_header=False, lazy=True),
            frame.select(others).sink_csv(sent, include_header=False, lazy=True),
        ]
    )


if __name__ == "__main__":
    way = {"eager": eager, "stream": stream}[sys.argv[1]]
    report(lambda: way(*sys.argv[2:]))
