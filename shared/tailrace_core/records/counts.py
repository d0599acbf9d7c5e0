"""What is counted in bytes that begin behind a newline, not knowing what that newline was.

It ends a record, or stands inside quotes. Both are counted; once all bytes before are counted, it
shows which of them is true.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Within(StrEnum):
    """Where in a record a place of the input is."""

    START = "start"
    """A record begins here."""
    QUOTES = "quotes"
    """Inside quotes."""
    TEXT = "text"
    """In a record, not inside quotes: only at the end of an object without a final newline."""


@dataclass(frozen=True, slots=True)
class EntryCount:
    """Counts of a stretch of bytes, if it is entered in one certain way.

    Offsets are those of the object. ``rows`` are the records that start in the stretch, the last of
    them at ``last_start``. ``first_end`` is the offset behind the first record that ends in it.
    ``too_long`` is the start of its first record over the limit for records, as far as the stretch
    itself shows, and ``rows_before`` are the records that start before that one. ``first_line`` is
    the first newline in the record that is open behind the stretch.
    """

    rows: int
    first_end: int | None
    last_start: int | None
    too_long: int | None
    rows_before: int
    first_line: int | None
    after: Within

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> EntryCount:
        """Read the counts from their JSON object."""
        return cls(**{**stored, "after": Within(stored["after"])})
