"""Columns to send to the model and columns to keep beside the prediction, taken byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace_core.errors import InputError
from tailrace_core.records.column_names import choose, listed

if TYPE_CHECKING:
    from tailrace_core.records.cutting import Content, Cut


@dataclass(frozen=True, slots=True)
class SelectedColumns:
    """The selected columns of a cut; ``kept`` is empty when no column is kept."""

    sent: tuple[Content, ...]
    kept: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """The columns of an input.

    It has the positions (0-based) to send and to keep, in order of output.
    """

    columns: tuple[str, ...]
    sent: tuple[int, ...]
    kept: tuple[int, ...] = ()

    @classmethod
    def from_names(
        cls,
        columns: Sequence[str],
        *,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        send: Sequence[str] = (),
    ) -> ColumnPlan:
        """Make the plan from lists of names, see `tailrace_core.records.column_names.choose`.

        A kept column that is named is not sent unless ``send`` names it too; those that ``*`` keeps
        are sent as if they were not kept. ``send`` and ``keep`` set the order of their columns.
        Without ``send``, all columns that are neither kept by name nor dropped are sent, in the
        file's order. ``*`` leaves out what is dropped.

        Raises:
            InputError: a column is unknown, is named twice, or is dropped and also kept or sent; or
                no column is left to send.
        """
        keeping, dropping, sending = (
            choose(columns, names, wish) for names, wish in ((keep, "keep"), (drop, "drop"), (send, "send"))
        )
        dropped = {*dropping.named, *dropping.others}
        for wish, chosen in (("keep", keeping.named), ("send", sending.named)):
            for position in chosen:
                if position in dropped:
                    raise InputError(f"column {columns[position]!r} is both in {wish} and in drop: name it in one")
        kept, sent = keeping.ordered(without=dropped), sending.ordered(without=dropped)
        if not send:
            sent = tuple(position for position in range(len(columns)) if position not in {*keeping.named, *dropped})
        if not sent:
            raise InputError(
                f"no column is left to send: all of {listed(columns)} are kept or dropped; "
                "name the columns to send as well in send"
            )
        return cls(tuple(columns), sent, kept)

    @property
    def is_identity(self) -> bool:
        """True if records are sent unchanged and nothing is kept."""
        return not self.kept and self.sent == tuple(range(len(self.columns)))

    @property
    def sent_names(self) -> tuple[str, ...]:
        """Names of the sent columns, in order."""
        return tuple(self.columns[position] for position in self.sent)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Names of the kept columns, in order."""
        return tuple(self.columns[position] for position in self.kept)

    def select(self, cut: Cut) -> SelectedColumns:
        """Select the sent and the kept columns of a cut.

        Each sent record keeps its own line end (the last may have none). Each kept record ends with
        a newline. If the plan changes nothing, the data passes through without a copy.

        Raises:
            RecordError: a record does not have one field for each column (the row counts within the
                cut).
        """
        if self.is_identity:
            return SelectedColumns((cut.content,) if cut.size else (), ())
        from tailrace_core.records.fields import Fields  # noqa: PLC0415 - it needs NumPy

        sent: list[bytes] = []
        kept: list[bytes] = []
        row = 0
        for window in cut.windows:
            fields = Fields(cut.data, window, len(self.columns), row)
            row += fields.rows
            sent.append(fields.gather(self.sent, own_line_ends=True))
            if self.kept:
                kept.append(fields.gather(self.kept, own_line_ends=False))
        return SelectedColumns(tuple(sent), tuple(kept))
