"""What comes out of the preparation of a cut."""

from __future__ import annotations

from dataclasses import dataclass, field

from tailrace.models.prepare.counts import Counts
from tailrace.models.prepare.polars_extra import pl
from tailrace_core.csv_text.rejects import Reject


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCut:
    """The prepared records of a cut, each with its line end, and what became of its rows."""

    data: bytes
    rejected: tuple[Reject, ...]
    """Rejected rows in order, with their original records."""
    counts: Counts
    values: dict[int, pl.Series] = field(default_factory=dict)
    """For each column whose fill value is to be computed, the values of the written rows."""
