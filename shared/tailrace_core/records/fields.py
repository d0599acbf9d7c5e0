"""The fields of records, found for a whole window at once, and copied byte for byte.

Fields are copied verbatim with their quotes, without parsing and writing them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tailrace_core.errors import RecordError
from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Octets
from tailrace_core.records.cutting import Window
from tailrace_core.records.structure import Structure

_COMMA, _NEWLINE, _RETURN = b",\n\r"

Positions = npt.NDArray[np.int64]


class Fields:
    """Starts and stops of a window's fields, as arrays of offsets with one entry for each record.

    A field's delimiter stands at the field's stop. The carriage return of a line end belongs to no
    field.
    """

    def __init__(self, data: bytes, window: Window, columns: int, first_row: int) -> None:
        # A newline added to the last record avoids special cases; `gather` removes it.
        self._unended = not data.endswith(b"\n", window.start, window.stop)
        text = data[window.start : window.stop] + b"\n" if self._unended else data
        size = window.structure.size + self._unended
        self._values: Octets = np.frombuffer(text, np.uint8, size, 0 if self._unended else window.start)
        stops = delimiters(self._values, window.structure)
        _require_regular(self._values[stops] == _NEWLINE, columns, first_row)
        self._stops = stops.reshape(-1, columns)
        self._line_stops = self._stops[:, -1] + 1
        self._line_starts = np.concatenate([[0], self._line_stops[:-1]])
        self.rows = len(self._stops)
        if data.find(b"\r", window.start, window.stop) >= 0:
            self._leave_out_carriage_returns()

    def gather(self, columns: Sequence[int], *, own_line_ends: bool) -> bytes:
        """Gather fields of each record, with commas between them and a line end after them."""
        in_order = all(one < other for one, other in pairwise(columns))
        gather = self._delete_others if in_order else self._reorder
        gathered = gather(columns, own_line_ends=own_line_ends)
        return gathered[:-1].tobytes() if own_line_ends and self._unended else gathered.tobytes()

    def _start(self, column: int) -> Positions:
        return self._stops[:, column - 1] + 1 if column else self._line_starts

    def _stop(self, column: int) -> Positions:
        return self._stops[:, column]

    def _line_ends(self, *, own: bool) -> Positions:
        """Return where each written line end begins: the record's own, or only its newline."""
        return self._stop(-1) if own else self._line_stops - 1

    def _leave_out_carriage_returns(self) -> None:
        stops = self._stop(-1)
        stops -= (self._values[stops - 1] == _RETURN) & (stops > self._start(self._stops.shape[1] - 1))

    def _delete_others(self, columns: Sequence[int], *, own_line_ends: bool) -> Octets:
        """Gather columns in the file's order by deleting the bytes between them."""
        borders: list[Positions] = []
        for first, last in _runs(columns):
            # Each field but the first includes the comma before it.
            borders += [self._start(first) - bool(borders), self._stop(last)]
        if own_line_ends and columns[-1] == self._stops.shape[1] - 1:
            borders[-1] = self._line_stops
        else:
            borders += [self._line_ends(own=own_line_ends), self._line_stops]
        lengths = np.diff(np.stack(borders, axis=1).ravel(), prepend=0)
        wanted = np.zeros(len(lengths), np.bool_)
        wanted[1::2] = True
        return self._values[np.repeat(wanted, lengths)]

    def _reorder(self, columns: Sequence[int], *, own_line_ends: bool) -> Octets:
        """Gather columns in any order by byte index.

        Each but the last includes its delimiter, turned into a comma.
        """
        starts = np.stack([*map(self._start, columns), self._line_ends(own=own_line_ends)], axis=1)
        lengths = np.stack([*map(self._stop, columns), self._line_stops], axis=1) - starts
        inner = len(columns) - 1
        lengths[:, :inner] += 1
        ends = np.cumsum(lengths.ravel())
        index = np.arange(ends[-1]) + np.repeat(starts.ravel() - ends + lengths.ravel(), lengths.ravel())
        gathered: Octets = self._values[index]
        gathered[ends.reshape(lengths.shape)[:, :inner] - 1] = _COMMA
        return gathered


def _runs(columns: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of neighbours: 1, 2, 3, 7 gives 1 to 3 and 7 to 7."""
    runs: list[tuple[int, int]] = []
    for column in columns:
        if runs and runs[-1][1] == column - 1:
            runs[-1] = (runs[-1][0], column)
        else:
            runs.append((column, column))
    return runs


def _require_regular(is_newline: npt.NDArray[np.bool_], columns: int, first_row: int) -> None:
    """Require that each record has ``columns`` delimiters, of which only the last is a newline."""
    rows, over = divmod(len(is_newline), columns)
    if not over and np.count_nonzero(is_newline) == rows and is_newline[columns - 1 :: columns].all():
        return
    widths = np.diff(np.flatnonzero(is_newline), prepend=-1)
    ragged = np.flatnonzero(widths != columns)
    at = int(ragged[0]) if len(ragged) else len(widths)
    found = f"{widths[at]} fields" if len(ragged) else "a quote that is not closed"
    raise RecordError(
        f"row {first_row + at} of a cut has {found} where {columns} fields are expected: "
        "its columns are ambiguous; remove it (the pre-flight check names it)",
        row=first_row + at,
    )


def delimiters(values: Octets, structure: Structure) -> Positions:
    """Return the positions of the commas and newlines outside of quotes."""
    marked = values == _COMMA
    marked |= values == _NEWLINE
    if structure.inside is not None:
        marked &= ~bitmaps.to_bools(structure.inside, len(values))
    return np.flatnonzero(marked)
