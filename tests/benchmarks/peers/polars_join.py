"""Joins predictions with kept columns with polars: both are read as text, joined and written."""

from __future__ import annotations

import sys

import polars as pl

from tests.benchmarks.report import report


def join(predictions: str, kept: str, part: str) -> None:
    """Write the part."""
    columns = pl.read_csv(kept, has_header=False, infer_schema=False)
    answers = pl.read_csv(predictions, has_header=False, infer_schema=False, new_columns=["prediction"])
    columns.hstack(answers).write_csv(part, include_header=False)


if __name__ == "__main__":
    report(lambda: join(*sys.argv[1:]))
