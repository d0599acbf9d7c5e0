"""Counts a file's records with pyarrow's streaming reader. It infers types from the first block."""

from __future__ import annotations

import sys

from pyarrow import csv

from tests.benchmarks.report import report


def rows(path: str, columns: int) -> int:
    """Return the number of records."""
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(column_names=[str(number) for number in range(columns)]),
        parse_options=csv.ParseOptions(newlines_in_values=True),
    )
    return sum(batch.num_rows for batch in reader)


if __name__ == "__main__":
    report(lambda: rows(sys.argv[1], int(sys.argv[2])))
