"""Screening of a cut: which rows are sent, which fields are kept, and which rows are rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tailrace_core.csv_text.framing import DescribePosition, byte_position, swallowing_quote, swallows_lines
from tailrace_core.csv_text.records import QuoteState, split_fields, split_records, state_after
from tailrace_core.csv_text.rejects import KnownRejects, Reject, nothing_known
from tailrace_core.records.columns import ColumnPlan
from tailrace_core.records.cutting import Content, Cut, Window
from tailrace_core.records.missing import MissingValues
from tailrace_core.records.preflight import Preflight
from tailrace_core.records.structure import Structure


@dataclass(frozen=True, slots=True)
class ScreenedCut:
    """The bytes to send and to keep of a cut, and its rejected rows in order.

    ``kept`` has one record for each row of the cut, with LF ends; it is empty when no column is
    kept.
    """

    sent: tuple[Content, ...]
    kept: tuple[bytes, ...] = ()
    rejected: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Screener:
    """Screens cuts; a single record of more than ``max_bytes`` is rejected.

    So is a row that holds one of ``na_tokens`` in a sent column. ``describe`` says in reasons where
    an offset of the input is.
    """

    columns: ColumnPlan
    preflight: Preflight
    max_bytes: int
    na_tokens: tuple[str, ...] = ()
    describe: DescribePosition = byte_position
    known: KnownRejects = nothing_known
    """Reasons found before, as while rows were prepared; they take precedence."""
    sends_csv: bool = True
    """False for requests in JSON, where a value alone is no blank line, nor begins a comment."""

    def screen(self, cut: Cut) -> ScreenedCut:
        """Check the rows of a cut and select their columns."""
        if cut.size > self.max_bytes:
            reasons = {cut.first_row: f"record of {cut.size} bytes is over the chunk limit of {self.max_bytes}"}
        else:
            reasons = {bad.row: bad.reason for bad in self.preflight.check(cut, self.describe)}
        if known := self.known(cut.first_row, cut.rows):
            reasons = dict(sorted({**reasons, **known}.items()))
        return self._without(reasons, cut)

    def _without(self, reasons: dict[int, str], cut: Cut) -> ScreenedCut:
        """Select the columns of a cut without the rows that ``reasons`` names."""
        rows = range(cut.first_row, cut.first_row + cut.rows)
        records = split_records(cut.data) if reasons else []
        good = cut
        if reasons:
            good = Cut.of(b"".join(record for row, record in zip(rows, records, strict=True) if row not in reasons))
        selected = self.columns.select(good if self.columns.is_identity else _with_last_line_end(good))
        if self.na_tokens and (missing := self._missing(good, selected.sent, rows, reasons)):
            return self._without(dict(sorted({**reasons, **missing}.items())), cut)
        if self._may_be_unsendable(selected.sent) and (unsendable := self._unsendable(selected.sent, rows, reasons)):
            return self._without(dict(sorted({**reasons, **unsendable}.items())), cut)
        if not reasons:
            return ScreenedCut(selected.sent, selected.kept)
        rejected = tuple(Reject(row, reason, _body(records[row - cut.first_row])) for row, reason in reasons.items())
        if not self.columns.kept:
            return ScreenedCut(selected.sent, (), rejected)
        kept_good = iter(split_records(b"".join(selected.kept)))
        kept = b"".join(
            self._kept_of_rejected(record) if row in reasons else next(kept_good)
            for row, record in zip(rows, records, strict=True)
        )
        return ScreenedCut(selected.sent, (kept,), rejected)

    def _missing(self, good: Cut, sent: Sequence[Content], rows: range, reasons: dict[int, str]) -> dict[int, str]:
        """Find the rows with a missing value in a sent column.

        Rows with ``reasons`` are not among the ``good`` and the ``sent``.
        """
        values = MissingValues(self.na_tokens, self.columns.sent_names)
        if self.columns.is_identity:
            windows = [(good.data, window) for window in good.windows]
        else:
            windows = [(piece, Window(0, Structure.of(piece))) for piece in map(bytes, sent) if piece]
        found: dict[int, str] = {}
        rows_before = 0
        for data, window in windows:
            found.update({rows_before + row: reason for row, reason in values.find(data, window).items()})
            rows_before += window.structure.rows
        if not found:
            return {}
        rows_sent = [row for row in rows if row not in reasons]
        return {rows_sent[row]: reason for row, reason in found.items()}

    def _may_be_unsendable(self, sent: tuple[Content, ...]) -> bool:
        """Report whether removing other columns may make a row unsound that is sound in the input.

        A field that stands alone may be a blank line; a field that comes first may begin a comment.
        """
        if not self.sends_csv or self.columns.is_identity:
            return False
        return len(self.columns.sent) == 1 or any(b"#" in bytes(piece) for piece in sent)

    def _unsendable(self, sent: tuple[Content, ...], rows: range, reasons: dict[int, str]) -> dict[int, str]:
        """Find the rows whose sent columns are unsound; rows with ``reasons`` are not ``sent``."""
        rows_sent = [row for row in rows if row not in reasons]
        found = Preflight(len(self.columns.sent)).check(Cut.of(b"".join(sent)))
        return {rows_sent[bad.row]: f"of the sent columns: {bad.reason}" for bad in found}

    def _kept_of_rejected(self, record: bytes) -> bytes:
        """Return the kept columns of a rejected row.

        The fields are empty where the record does not show which they are.
        """
        body = _body(record)
        fields = split_fields(body)
        certain = len(fields) == len(self.columns.columns) and state_after(body) is not QuoteState.QUOTED
        return b",".join(_clean(fields[index]) if certain else b"" for index in self.columns.kept) + b"\n"


def refuse_swallowed_lines(cuts: Iterable[Cut], describe: DescribePosition) -> Iterator[Cut]:
    """Pass cuts on, and refuse a last record with a quote that swallows further lines.

    Only the last record of an input can lack its closing quote. It then holds all that follows the
    quote, perhaps most of the input. A quote that swallows no line makes a bad row like others,
    which the pre-flight check names.

    Raises:
        UnclosedQuoteError: the last record does so; ``describe`` says in the message where it
            begins.
    """
    for cut in cuts:
        if cut.windows[-1].structure.unclosed:
            record = split_records(cut.data)[-1]
            if swallows_lines(record):
                row, at = cut.first_row + cut.rows - 1, cut.offset + cut.size - len(record)
                raise swallowing_quote(record, row=row, offset=at, describe=describe)
        yield cut


def _body(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


def _with_last_line_end(cut: Cut) -> Cut:
    """End the last record with a newline.

    Without one, a record whose only sent column is empty would vanish.
    """
    return cut if not cut.data or cut.data.endswith(b"\n") else Cut.of(cut.data + b"\n", cut.first_row)


def _clean(field: bytes) -> bytes:
    """Return the field, or nothing when it is not UTF-8 or holds a NUL byte."""
    try:
        field.decode()
    except UnicodeDecodeError:
        return b""
    return b"" if b"\0" in field else field
