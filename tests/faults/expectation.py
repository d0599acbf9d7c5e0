"""The expected result of an input, row by row, for any model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Protocol

from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.ranges import RowRange


class ExpectedRow(Protocol):
    """One row of an input."""

    @property
    def record(self) -> bytes:
        """The record in the input, without its line end."""

    @property
    def line(self) -> bytes:
        """The row's line in the result."""

    @property
    def bad(self) -> bool:
        """True if the row has to be rejected."""


class Expectation:
    """The rows of an input, and the result that follows from them."""

    rows: Sequence[ExpectedRow]
    columns: bytes
    """The header of the result."""

    @cached_property
    def result(self) -> bytes:
        """The whole result."""
        return self.columns + b"\n" + b"".join(row.line for row in self.rows)

    @cached_property
    def rejected(self) -> list[tuple[int, bytes]]:
        """Position and record of each row that has to be rejected."""
        return [(number, row.record) for number, row in enumerate(self.rows) if row.bad]

    @property
    def final_state(self) -> JobState:
        """Final state of the job if nothing ends it early."""
        if self.rows and len(self.rejected) == len(self.rows):
            return JobState.FAILED
        return JobState.COMPLETED_WITH_REJECTS if self.rejected else JobState.COMPLETED

    def part(self, rows: RowRange) -> bytes:
        """Return the part of a range."""
        return b"".join(row.line for row in self.rows[rows.first_row : rows.end])


def not_isolated_rows(data: Expectation, rejects: Iterable[Reject]) -> frozenset[int]:
    """Return the good rows among those that were rejected with their chunk, without a try alone."""
    return frozenset(each.row for each in rejects if not each.isolated and not data.rows[each.row].bad)
