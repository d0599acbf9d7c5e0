"""The records of a stripe, as a planner takes them: CSV as it is stored, JSON Lines read to CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tailrace_core.csv_text.json_lines import JsonLines
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.submission.striping.reading import OpenRange, StripeReader, StripeStart, behind

if TYPE_CHECKING:
    from tailrace_core.jobs.settings import JobSettings


class StripeRecords:
    """Reads the records of a stripe; the same bytes as a submit that reads all objects itself."""

    def __init__(self, start: StripeStart, settings: JobSettings, open_range: OpenRange) -> None:
        self._reader = StripeReader(start, open_range)
        is_lines = settings.source_format is SourceFormat.JSONL
        self._lines = JsonLines(settings.source_columns, first_row=start.first_row) if is_lines else None

    def blocks(self, skip_bytes: int = 0) -> Iterator[bytes]:
        """Yield the records in blocks that end anywhere, without the first ``skip_bytes``.

        Lines are read from the start of the stripe in any case: where they stand does not follow
        from the offset of a record.

        Raises:
            InputError: an object has changed, is gone, or is damaged; or a line has more than 16
                MiB.
        """
        if self._lines is None:
            return self._reader.blocks(skip_bytes)
        return behind(self._lines.blocks(self._reader.blocks()), skip_bytes)

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the records as a place in the objects, decompressed."""
        if self._lines is None:
            return self._reader.describe_position(offset)
        begin = self._reader.describe_position(self._lines.place(offset))
        return f"in the lines from {begin.removeprefix('at ')} on"

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:
        """Return why lines are no rows, by row, and forget it."""
        return {} if self._lines is None else self._lines.known_rejects(first_row, rows)
