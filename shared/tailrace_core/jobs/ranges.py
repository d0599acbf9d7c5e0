"""Row ranges: how chunks are named, ordered and split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"([0-9]{12})-([1-9][0-9]{0,12})")

MAX_ROWS = 10**12
"""Highest end of a range: names have room for a first row of twelve digits."""


@dataclass(frozen=True, slots=True, order=True)
class RowRange:
    """A range of ``rows`` rows from ``first_row`` on.

    Rows are numbered from 0 over the data records of the whole input.
    """

    first_row: int
    rows: int

    def __post_init__(self) -> None:
        if self.first_row < 0 or self.rows < 1 or self.first_row + self.rows > MAX_ROWS:
            raise ValueError(
                f"a row range starts at 0 or later, holds at least one row and ends by row {MAX_ROWS}: "
                f"{self.first_row}, {self.rows}"
            )

    @property
    def end(self) -> int:
        """Row after the last one."""
        return self.first_row + self.rows

    @property
    def name(self) -> str:
        """Name of the range in object keys and in the ledger.

        Names of disjoint ranges sort as the ranges do.
        """
        return f"{self.first_row:012d}-{self.rows}"

    @classmethod
    def parse(cls, name: str) -> RowRange:
        """Parse the name of a range.

        Raises:
            ValueError: the text is not a range's name.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"not a row range: {name!r}")
        return cls(int(match[1]), int(match[2]))

    def split_at(self, row: int) -> tuple[RowRange, RowRange]:
        """Split into two ranges that tile this one; the second starts at ``row``.

        Raises:
            ValueError: not ``first_row < row < end``.
        """
        return RowRange(self.first_row, row - self.first_row), RowRange(row, self.end - row)


def first_gap(ranges: Iterable[RowRange], rows_total: int) -> str | None:
    """Describe why sorted ranges do not tile ``[0, rows_total)`` exactly; None if they do."""
    expected = 0
    for each in ranges:
        if each.first_row != expected:
            what = "is missing" if each.first_row > expected else "is there twice"
            return f"row {min(expected, each.first_row)} {what} (before {each.name})"
        expected = each.end
    return None if expected == rows_total else f"rows end at {expected}, {rows_total} were expected"
