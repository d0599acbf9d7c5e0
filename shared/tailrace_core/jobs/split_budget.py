"""The split budget: how many splits in two a job may make to isolate its bad rows.

To isolate k bad rows among n takes about k (log2(n/k) + 1.5) splits. By default a job may make
10,000, and one more for every four rows: enough for any job of 10,000 rows, and for 4 % bad rows
in a job of any size (decision 103).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailrace_core.jobs.ranges import RowRange

BASE_SPLITS = 10_000
"""Splits of a job of any size."""

ROWS_PER_SPLIT = 4
"""Rows for each of which so many add one split."""


def split_grant(rows: RowRange, rows_per_split: int) -> int:
    """Return how many splits the rows of a new chunk add to the budget of its job.

    The grants of ranges that tile add up to the grant of the whole, however it is cut.
    ``rows_per_split`` of 0 grants none.
    """
    return rows.end // rows_per_split - rows.first_row // rows_per_split if rows_per_split else 0


def not_isolated_reason(rows_sent: int, reason: str) -> str:
    """Return the reason for rows of a chunk that failed for ``reason`` and could not be split."""
    from tailrace_core.csv_text.rejects import NOT_ISOLATED  # noqa: PLC0415 - a start does without

    return (
        f"{NOT_ISOLATED}: the job's split budget is spent, so the {rows_sent} rows of this chunk were rejected "
        f"together, and no row of them was tried alone; the chunk failed with: {reason}"
    )
