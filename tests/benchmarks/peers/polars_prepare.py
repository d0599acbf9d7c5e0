"""Prepares a table of raw numbers with polars: as it would be written, lazily, and no more.

Untouched cells come out as floats are formatted, not byte for byte; nothing is counted or checked.
"""

from __future__ import annotations

import sys

import polars as pl

from tests.benchmarks.report import report


def run(fill: str, path: str, out: str) -> None:
    """Prepare the file."""
    raw = pl.scan_csv(path, has_header=False, infer_schema=False)
    numbers = raw.with_columns(pl.all().str.strip_chars().cast(pl.Float64, strict=False))
    if fill == "zero":
        filled = numbers.fill_null(0.0)
    else:
        medians = numbers.select(pl.all().median()).collect(engine="streaming").row(0, named=True)
        filled = numbers.with_columns(pl.col(name).fill_null(value) for name, value in medians.items())
    filled.sink_csv(out, include_header=False)


if __name__ == "__main__":
    report(lambda: run(*sys.argv[1:]))
