"""Preparation of whole records: from a cut of the input to the records to write."""

from __future__ import annotations

from collections.abc import Sequence

from tailrace.models.prepare.counts import ColumnCounts, Counts
from tailrace.models.prepare.plan import PreparationPlan
from tailrace.models.prepare.polars_extra import pl
from tailrace.models.prepare.prepared_cuts import PreparedCut
from tailrace.models.prepare.raw_tables import RawTable
from tailrace.models.prepare.recipes.recipe import ColumnSteps, OnError
from tailrace.models.prepare.steps.cells import CellSteps
from tailrace.models.prepare.steps.number_steps import NumberSteps
from tailrace_core.csv_text.framing import DescribePosition, byte_position
from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import RecordError
from tailrace_core.records.cutting import Cut
from tailrace_core.records.preflight import Preflight

_SHOWN_CHARS = 60
_MAX_MISSES = 3
"""Cuts that `NumberSteps` leaves before it is asked no more."""


class RowSteps:
    """Prepares cuts of one input. Threads may share it.

    With ``keep_rows``, as many records come out as go in: a rejected row keeps its place, and a row
    that would be dropped is rejected. When ``fitting``, nothing is written: there are the values
    from which fill values are computed. A last record without ``line_end`` gets it. ``describe``
    says in reasons where an offset of the input is.
    """

    def __init__(
        self,
        plan: PreparationPlan,
        preflight: Preflight,
        *,
        keep_rows: bool = False,
        fitting: bool = False,
        line_end: bytes = b"\n",
        describe: DescribePosition = byte_position,
    ) -> None:
        self._plan = plan
        self._preflight = preflight
        self._keep_rows = keep_rows
        self._fitting = fitting
        self._line_end = line_end
        self._describe = describe
        steps = dict(plan.steps)
        if len(plan.written) == 1 and len(plan.columns) > 1:
            # Its empty cells have to be written otherwise.
            steps.setdefault(plan.written[0], ColumnSteps())
        self._cells = [
            CellSteps(
                place,
                plan.columns[place],
                each,
                decimal=plan.decimal,
                thousands=plan.thousands,
                is_last=place == len(plan.columns) - 1,
                is_alone=plan.written == (place,),
            )
            for place, each in steps.items()
            if not fitting or _matters(each)
        ]
        steps = {each.place: each.steps for each in self._cells}
        self._numbers = (
            NumberSteps(plan, steps, fitting=fitting) if NumberSteps.suit(plan, steps, fitting=fitting) else None
        )
        self._misses = 0

    def prepare(self, cut: Cut) -> PreparedCut:
        """Prepare the records of a cut.

        Raises:
            RecordError: a cell is wrong in a column with ``on_error = "fail"``; or see
                `tailrace.models.prepare.raw_tables.RawTable`.
        """
        bad = {each.row: each.reason for each in self._preflight.check(cut, self._describe)}
        if not bad:
            return self._prepare_good(self._ended(cut), range(cut.first_row, cut.first_row + cut.rows), cut)
        records = split_records(cut.data)
        rows = range(cut.first_row, cut.first_row + cut.rows)
        good = [row for row in rows if row not in bad]
        data = b"".join(records[row - cut.first_row] for row in good)
        done = self._prepare_good(self._ended(Cut.of(data, cut.first_row)), good, cut)
        rejects = [Reject(row, reason, _body(records[row - cut.first_row])) for row, reason in bad.items()]
        counts = done.counts
        counts.rows_read += len(bad)
        counts.rows_rejected += len(bad)
        written = done.data
        if self._keep_rows:
            prepared = iter(split_records(written))
            written = b"".join(records[row - cut.first_row] if row in bad else next(prepared) for row in rows)
        return PreparedCut(
            data=written,
            rejected=tuple(sorted((*done.rejected, *rejects), key=lambda each: each.row)),
            counts=counts,
            values=done.values,
        )

    def _prepare_good(self, cut: Cut, rows: Sequence[int], whole: Cut) -> PreparedCut:
        """Prepare records of the right form; ``rows`` are their numbers in the input."""
        counts = Counts(rows_read=cut.rows, rows_written=cut.rows)
        if not cut.rows or (not self._cells and self._plan.is_identity):
            counts.columns = {each.name: ColumnCounts() for each in self._cells}
            return PreparedCut(data=cut.data, rejected=(), counts=counts)
        short = self._shortly(cut)
        if short is not None:
            return short
        table = RawTable(cut, len(self._plan.columns), [each.place for each in self._cells] if self._fitting else None)
        frame = self._evaluated(table)
        reasons = self._reasons(frame, rows)
        dropped = self._dropped(frame, reasons)
        gone = {*reasons, *dropped}
        left = frame
        if gone and not self._keep_rows:
            left = frame.filter(pl.Series([place not in gone for place in range(cut.rows)], dtype=pl.Boolean))
        counts.rows_rejected, counts.rows_dropped = len(reasons), len(dropped)
        counts.rows_written -= len(gone)
        data = b""
        if not self._fitting:
            counts.columns, is_changed = self._count(frame, left)
            unchanged = self._plan.is_identity and len(left) == cut.rows and not is_changed
            data = cut.data if unchanged else table.to_bytes(self._written(table, left))
        return PreparedCut(
            data=data,
            rejected=self._rejects(whole, rows, reasons),
            counts=counts,
            values=self._values(left) if self._fitting else {},
        )

    def _shortly(self, cut: Cut) -> PreparedCut | None:
        """Prepare a cut by `NumberSteps`, unless that failed for several."""
        if self._numbers is None or self._misses >= _MAX_MISSES:
            return None
        done = self._numbers.prepare(cut)
        self._misses += done is None
        return done

    def _evaluated(self, table: RawTable) -> pl.DataFrame:
        frame = table.frame.with_columns(each.contents(table) for each in self._cells)
        frame = frame.with_columns(each.texts() for each in self._cells)
        frame = frame.with_columns(each for cells in self._cells for each in cells.numbers())
        return frame.with_columns(each for cells in self._cells for each in cells.findings())

    def _ended(self, cut: Cut) -> Cut:
        """End the last record, so that each is written with a line end."""
        return cut if not cut.data or cut.data.endswith(b"\n") else Cut.of(cut.data + self._line_end, cut.first_row)

    def _reasons(self, frame: pl.DataFrame, rows: Sequence[int]) -> dict[int, str]:
        """Return why rows are rejected, by their places in the frame.

        Raises:
            RecordError: a cell is wrong where the recipe says to fail.
        """
        reasons: dict[int, str] = {}
        for each in self._cells:
            if each.steps.number and each.steps.on_error is not OnError.NULL:
                for place in frame.get_column(each.wrong).arg_true():
                    value = _shown(frame.item(place, each.text))
                    kind = "finite number" if each.steps.finite else "number"
                    reasons.setdefault(place, f"not a {kind}: {value} in column {each.name!r}")
                    if each.steps.on_error is OnError.FAIL:
                        raise RecordError(
                            f"row {rows[place]} is {reasons[place]} (rows count from 0, the header not included); fix "
                            'it, or set on_error of that column to "null" or "reject"',
                            row=rows[place],
                        )
            if each.steps.drop_if_null and self._keep_rows:
                for place in frame.get_column(each.null).arg_true():
                    reasons.setdefault(place, f"no value in column {each.name!r}")
        return dict(sorted(reasons.items()))

    def _dropped(self, frame: pl.DataFrame, reasons: dict[int, str]) -> set[int]:
        """Return the places of the rows to leave out that are not rejected."""
        dropping = [each for each in self._cells if each.steps.drop_if_null]
        if not dropping or self._keep_rows:
            return set()
        null = frame.select(null=pl.any_horizontal([each.null for each in dropping])).to_series()
        return {*null.arg_true().to_list()} - reasons.keys()

    def _rejects(self, whole: Cut, rows: Sequence[int], reasons: dict[int, str]) -> tuple[Reject, ...]:
        if not reasons:
            return ()
        records = split_records(whole.data)
        return tuple(
            Reject(rows[place], reason, _body(records[rows[place] - whole.first_row]))
            for place, reason in reasons.items()
        )

    def _count(self, frame: pl.DataFrame, left: pl.DataFrame) -> tuple[dict[str, ColumnCounts], bool]:
        """Count the cells of all rows and of those that are written; report whether any changes."""
        if not self._cells:
            return {}, False
        missing = frame.select(pl.col(each.missing).sum() for each in self._cells).row(0)
        wrong = frame.select(pl.col(each.wrong).sum() for each in self._cells).row(0)
        nulls = left.select(pl.col(each.null).sum() for each in self._cells).row(0)
        changed = left.select(pl.col(each.changed).sum() for each in self._cells).row(0)
        found = {
            each.name: ColumnCounts(
                missing[at], wrong[at], nulls[at], 0 if each.steps.fill is None else nulls[at], changed[at]
            )
            for at, each in enumerate(self._cells)
            if each.place in self._plan.steps
        }
        erased = left.select(each.erased().any().alias(each.null) for each in self._cells).row(0)
        return found, any(changed) or any(erased)

    def _written(self, table: RawTable, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the fields to write, the line mark behind the last one."""
        cells = {each.place: each for each in self._cells}
        last = str(len(self._plan.columns) - 1)
        columns = []
        for place in self._plan.written:
            if place in cells:
                columns.append(cells[place].written(table))
            elif table.line_mark and str(place) == last:
                columns.append(pl.col(last).fill_null("").str.strip_suffix(table.line_mark))
            else:
                columns.append(pl.col(str(place)))
        if table.line_mark:
            ends = pl.col(last).fill_null("").str.ends_with(table.line_mark)
            mark = pl.when(ends).then(pl.lit(table.line_mark)).otherwise(pl.lit(""))
            columns[-1] = columns[-1].fill_null("") + mark
        return frame.select(columns)

    def _values(self, left: pl.DataFrame) -> dict[int, pl.Series]:
        return {
            each.place: left.get_column(each.number if each.steps.number else each.text).filter(
                ~left.get_column(each.null)
            )
            for each in self._cells
            if each.steps.is_fitted
        }


def _matters(steps: ColumnSteps) -> bool:
    """Report whether a column has a say in what is computed: by its values, or by losing rows."""
    return steps.is_fitted or steps.drop_if_null or (steps.number and steps.on_error is not OnError.NULL)


def _body(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…")
