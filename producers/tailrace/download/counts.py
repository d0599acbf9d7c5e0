"""The counts of a download."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A written result: its rows, scored and rejected, its size, and where it is."""

    job_id: str
    rows: int
    rows_scored: int
    rows_rejected: int
    size_bytes: int
    """Bytes written, after compression."""
    target: str | None
    """The path or the address; None for a stream and standard output."""
