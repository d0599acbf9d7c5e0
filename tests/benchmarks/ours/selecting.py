"""Splits the first column off a file as a submit with ``keep`` does, to two files."""

from __future__ import annotations

import sys
from pathlib import Path

from tailrace_core.records.columns import ColumnPlan
from tests.benchmarks.ours.cutting import cuts
from tests.benchmarks.report import report


def select(path: str, columns: str, kept: str, sent: str) -> None:
    """Split the file cut by cut."""
    plan = ColumnPlan.from_names([str(position) for position in range(int(columns))], keep=["0"])
    with Path(kept).open("wb", buffering=0) as kept_file, Path(sent).open("wb", buffering=0) as sent_file:
        for selected in map(plan.select, cuts(path)):
            kept_file.writelines(selected.kept)
            sent_file.writelines(selected.sent)
            del selected


if __name__ == "__main__":
    report(lambda: select(*sys.argv[1:]))
