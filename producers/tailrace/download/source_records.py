"""Original records of rejected rows, read again from the source and proved by checksums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.checksums import checksum
from tailrace_core.records.cutting import Cut


@dataclass(frozen=True, slots=True)
class SubmittedRange:
    """A chunk as it was submitted: its rows, and the checksum of their bytes in the source."""

    range: RowRange
    checksum: str


class SourceRecords:
    """Finds the records of rows in the source, in ascending order; holds one chunk at a time.

    ``cuts`` are those that the job's submit made of the source. Each cut up to the last row asked
    for has to be a submitted range, byte for byte, or several: rows that grew too large as requests
    in JSON were sent as several chunks.
    """

    def __init__(self, cuts: Iterator[Cut], submitted: Iterable[SubmittedRange]) -> None:
        self._cuts = cuts
        self._submitted = iter(submitted)
        self._first_row = 0
        self._end = 0
        self._data = b""
        self._records: list[bytes] | None = None
        self._rest: Cut | None = None

    def join(self, reject: Reject) -> Reject:
        """Return the reject with its original record, byte for byte, without its line end.

        Raises:
            InputError: the source is not the one that was submitted; the message names the first
                rows that differ.
        """
        while reject.row >= self._end:
            self._next(reject.row)
        if self._records is None:
            self._records = split_records(self._data)
        record = self._records[reject.row - self._first_row]
        return replace(reject, record=record.removesuffix(b"\n").removesuffix(b"\r"))

    def join_all(self, rejects: Iterable[Reject]) -> list[Reject]:
        """Return all rejects with their original records; see `join`."""
        return [self.join(each) for each in rejects]

    def _next(self, row: int) -> None:
        found = self._rest or next(self._cuts, None)
        expected = next(self._submitted, None)
        if found is None:
            raise InputError(
                f"the source ends after {self._end} rows, and row {row} of the job was rejected (rows count from 0, "
                "the header not included): name all files that were submitted, in the same order"
            )
        if expected is None or expected.range.first_row > found.first_row:
            raise InputError(
                f"the ledger has no checksum of the rows from {found.first_row} on, so nothing proves that the "
                "source is the one that was submitted: leave out --source"
            )
        found, self._rest = _divided(found, expected.range.rows)
        rows = RowRange(found.first_row, found.rows)
        if rows != expected.range or checksum(found.data) != expected.checksum:
            first, last = expected.range.first_row, expected.range.end - 1
            raise InputError(
                f"rows {first} to {last} of the source differ from those that were submitted (rows count from 0, the "
                "header not included): name the files as they were, all of them and in the same order, and the "
                "recipe if the rows were prepared by one",
                first_row=first,
                rows=expected.range.rows,
            )
        self._first_row, self._end = found.first_row, expected.range.end
        self._data, self._records = found.data, None


def _divided(cut: Cut, rows: int) -> tuple[Cut, Cut | None]:
    """Divide a cut behind so many rows; there is no rest if it has no more."""
    if cut.rows <= rows:
        return cut, None
    records = split_records(cut.data)
    first, rest = b"".join(records[:rows]), b"".join(records[rows:])
    return Cut.of(first, cut.first_row), Cut.of(rest, cut.first_row + rows)


def require_same_columns(columns: tuple[str, ...], settings: JobSettings) -> None:
    """Refuse a source with other columns than the input of the job.

    Raises:
        InputError: it has others.
    """
    if columns != settings.source_columns:
        raise InputError(
            f"the source has the columns {_listed(columns)}, and the job was submitted with "
            f"{_listed(settings.source_columns)}: name the files that were submitted"
        )


_SHOWN_COLUMNS = 8


def _listed(columns: tuple[str, ...]) -> str:
    more = f" and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return ", ".join(map(repr, columns[:_SHOWN_COLUMNS])) + more
