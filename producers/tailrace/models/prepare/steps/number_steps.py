"""Preparation of whole records of numbers: most cuts, several times as fast as by `CellSteps`.

Blanks beside delimiters are removed from the bytes, polars reads the rest as numbers at once, and
the fields that are none are replaced in the bytes. A cut with anything else to do is left to
`tailrace.models.prepare.steps.row_steps.RowSteps`: with quotes or carriage returns, with characters
beyond ASCII or other blanks than spaces, or with rows to reject or to drop.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np
import numpy.typing as npt

from tailrace.models.prepare.counts import ColumnCounts, Counts
from tailrace.models.prepare.plan import PreparationPlan
from tailrace.models.prepare.polars_extra import pl
from tailrace.models.prepare.prepared_cuts import PreparedCut
from tailrace.models.prepare.raw_tables import read_fields
from tailrace.models.prepare.recipes.recipe import ColumnSteps, OnError
from tailrace_core.records.cutting import Cut

Bools = npt.NDArray[np.bool_]
Octets = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]

_COMMA, _NEWLINE, _BLANK = b",\n "
_OTHER_MARKS = (b'"', b"\r", b"\t", b"\v", b"\f")
_FEW_IN = 16
"""Null cells are few where not even one in so many is null: they are replaced one by one then."""
_MAX_BLANKS = 8
"""Blanks side by side that are removed here."""


class NumberSteps:
    """The steps of columns of numbers, by their places. Threads may share it.

    With ``fitting``, only the values are wanted, and ``steps`` are those of the columns that matter
    for them.
    """

    def __init__(self, plan: PreparationPlan, steps: Mapping[int, ColumnSteps], *, fitting: bool) -> None:
        self._steps = steps
        self._names = plan.columns
        self._fitting = fitting
        self._width = len(plan.columns)
        # Polars calls for these names where there is no header.
        self._schema = {f"column_{place + 1}": pl.Float64 for place in range(self._width)}
        self._strips_all = (fitting or len(steps) == self._width) and all(each.strip for each in steps.values())
        self._fills = {place: (each.fill or "").encode() for place, each in steps.items()}

    @staticmethod
    def suit(plan: PreparationPlan, steps: Mapping[int, ColumnSteps], *, fitting: bool) -> bool:
        """Report whether such steps may be taken here."""
        return (
            len(plan.columns) > 1
            and plan.decimal == "."
            and plan.thousands is None
            and (fitting or plan.is_identity)
            and bool(steps)
            and all(each.number and not _numbers(each.na) for each in steps.values())
        )

    def prepare(self, cut: Cut) -> PreparedCut | None:
        """Prepare whole records of the right form; None if they need other steps."""
        data = cut.data
        if not data.isascii() or any(data.find(mark) >= 0 for mark in _OTHER_MARKS):
            return None
        text = _stripped(data)
        if text is None or not (self._strips_all or len(text) == len(data)):
            return None
        frame = self._read(text)
        if frame.shape != (cut.rows, len(self._steps)):
            return None
        is_number = self._are_numbers(frame)
        nulls = _Nulls(text, self._width, is_number)
        columns = self._count(nulls)
        if columns is None:
            return None
        counts = Counts(rows_read=cut.rows, rows_written=cut.rows)
        if self._fitting:
            values = {
                place: frame.get_column(str(place)).filter(pl.Series(is_number[place]))
                for place, each in self._steps.items()
                if each.is_fitted
            }
            return PreparedCut(data=b"", rejected=(), counts=counts, values=values)
        if len(text) != len(data):
            self._count_changed(columns, data, nulls)
        counts.columns = {self._names[place]: each for place, each in columns.items()}
        return PreparedCut(data=nulls.filled(self._fills), rejected=(), counts=counts)

    def _read(self, text: bytes) -> pl.DataFrame:
        frame = read_fields(text, schema=self._schema, columns=list(self._steps), ignore_errors=True)
        frame.columns = [str(place) for place in self._steps]
        return frame

    def _are_numbers(self, frame: pl.DataFrame) -> dict[int, Bools]:
        # Null becomes NaN in NumPy.
        is_finite = np.isfinite(frame.to_numpy())
        return {
            place: is_finite[:, at] if each.finite else frame.to_series(at).is_not_null().to_numpy()
            for at, (place, each) in enumerate(self._steps.items())
        }

    def _count(self, nulls: _Nulls) -> dict[int, ColumnCounts] | None:
        """Count the null cells of each column; None if some make rows go."""
        found: dict[int, ColumnCounts] = {}
        for place, each in self._steps.items():
            count = nulls.counts[place]
            if count and each.drop_if_null:
                return None
            if self._fitting and each.on_error is OnError.NULL:
                continue
            missing = nulls.missing(place, each.na) if count else 0
            if missing < count and each.on_error is not OnError.NULL:
                return None
            found[place] = ColumnCounts(
                missing=missing, wrong=count - missing, nulls=count, filled=0 if each.fill is None else count
            )
        return found

    def _count_changed(self, columns: Mapping[int, ColumnCounts], data: bytes, nulls: _Nulls) -> None:
        """Count the cells that have lost blanks and are written."""
        before, after = np.diff(_stops(data), prepend=-1), np.diff(nulls.stops, prepend=-1)
        is_changed = before != after
        is_changed[nulls.cells] = False
        for place, each in columns.items():
            each.changed = int(np.count_nonzero(is_changed[place :: self._width]))


class _Nulls:
    """The cells of a text that are no numbers, where there should be some."""

    def __init__(self, text: bytes, width: int, is_number: Mapping[int, Bools]) -> None:
        self._text = text
        self._width = width
        self.counts = {place: len(each) - int(np.count_nonzero(each)) for place, each in is_number.items()}
        self._is_number = is_number
        self._found: tuple[Positions, Positions] | None = None

    @property
    def stops(self) -> Positions:
        """Where each cell of the text ends."""
        return self._places()[0]

    @property
    def cells(self) -> Positions:
        """The null cells, counted from 0 in the text."""
        return self._places()[1]

    def missing(self, place: int, na: tuple[str, ...]) -> int:
        """Return how many null cells of a column are empty or one of ``na``."""
        starts, stops = self._bounds(self.cells[self.cells % self._width == place])
        empty = int(np.count_nonzero(starts == stops))
        if not na or empty == len(starts):
            return empty
        values = {each.encode() for each in na if each}
        return empty + sum(
            self._text[start:stop] in values for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        )

    def filled(self, fills: Mapping[int, bytes]) -> bytes:
        """Return the text with the ``fills`` of the columns in place of null cells."""
        if not any(self.counts.values()):
            return self._text
        starts, stops = self._bounds(self.cells)
        fields = [fills[place] for place in (self.cells % self._width).tolist()]
        if len(fields) * _FEW_IN < len(self.stops):
            befores = map(slice, chain([0], stops.tolist()), starts.tolist())
            pieces = chain.from_iterable(zip(map(self._text.__getitem__, befores), fields, strict=False))
            return b"".join((*pieces, self._text[stops[-1] :]))
        # What stands between null cells and what stands in them, by turns.
        lengths = np.diff(np.stack([starts, stops], axis=1).ravel(), prepend=0, append=len(self._text))
        in_null = np.arange(len(lengths)) % 2 == 1
        kept = np.frombuffer(self._text, np.uint8)[np.repeat(~in_null, lengths)]
        lengths[1::2] = np.fromiter(map(len, fields), np.int64, len(fields))
        in_fill = np.repeat(in_null, lengths)
        written = np.empty(len(in_fill), np.uint8)
        written[in_fill] = np.frombuffer(b"".join(fields), np.uint8)
        written[np.logical_not(in_fill, out=in_fill)] = kept
        return written.tobytes()

    def _places(self) -> tuple[Positions, Positions]:
        if self._found is None:
            stops = _stops(self._text)
            is_null = np.zeros((len(stops) // self._width, self._width), np.bool_)
            for place, each in self._is_number.items():
                np.logical_not(each, out=is_null[:, place])
            self._found = stops, np.flatnonzero(is_null)
        return self._found

    def _bounds(self, cells: Positions) -> tuple[Positions, Positions]:
        return np.where(cells, self.stops[cells - 1] + 1, 0), self.stops[cells]


def _stripped(data: bytes) -> bytes | None:
    """Return the records without blanks beside delimiters; None where many stand side by side."""
    octets = np.frombuffer(data, np.uint8)
    is_blank = octets == _BLANK
    blanks = np.count_nonzero(is_blank)
    if not blanks:
        return data
    edge = _is_delimiter(octets)
    found = 0
    for _ in range(_MAX_BLANKS + 1):
        beside = np.empty_like(edge)
        beside[0] = True
        beside[1:] = edge[:-1]
        beside[:-1] |= edge[1:]
        beside &= is_blank
        before, found = found, int(np.count_nonzero(beside))
        if found in {before, blanks}:
            return octets[np.logical_not(beside, out=beside)].tobytes() if found else data
        edge |= beside
    return None


def _is_delimiter(octets: Octets) -> Bools:
    found: Bools = octets == _COMMA
    found |= octets == _NEWLINE
    return found


def _stops(text: bytes) -> Positions:
    """Return where each cell ends."""
    return np.flatnonzero(_is_delimiter(np.frombuffer(text, np.uint8)))


def _numbers(texts: tuple[str, ...]) -> bool:
    """Report whether one of the texts is a number."""
    return bool(pl.Series(texts, dtype=pl.String).cast(pl.Float64, strict=False).is_not_null().any())
