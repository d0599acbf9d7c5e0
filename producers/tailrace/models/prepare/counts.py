"""Counts of a preparation, as a whole and for each column."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class ColumnCounts:
    """Cells of one column, in rows that are records of the right form."""

    missing: int = 0
    """Empty cells, and those that hold one of the values in ``na``."""
    wrong: int = 0
    """Cells that are not the number that they should be."""
    nulls: int = 0
    """Cells of written rows that are missing, or wrong and count as missing."""
    filled: int = 0
    """Those of them that were filled."""
    changed: int = 0
    """Cells of written rows that lost blanks or thousands separators, or got a decimal point."""

    def add(self, other: ColumnCounts) -> None:
        """Add the counts of other rows."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class Counts:
    """Rows and cells. Rows read are those written, rejected and dropped."""

    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    columns: dict[str, ColumnCounts] = field(default_factory=dict)
    """Counts of the columns that have steps, by the input's names."""

    def add(self, other: Counts) -> None:
        """Add the counts of other rows."""
        self.rows_read += other.rows_read
        self.rows_written += other.rows_written
        self.rows_rejected += other.rows_rejected
        self.rows_dropped += other.rows_dropped
        for name, counts in other.columns.items():
            self.columns.setdefault(name, ColumnCounts()).add(counts)
