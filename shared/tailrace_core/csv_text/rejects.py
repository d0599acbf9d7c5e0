"""Rejects objects: the rows of a range without a prediction, with their reasons and records.

One record a row, in row order, no header, LF ends: ``row,"reason",<original record>``. ``row``
counts from 0 over the whole input. The reason is always quoted, its quotes doubled, its line breaks
replaced by spaces. The original record is copied byte for byte without its line end, so it may hold
the cause of its rejection: too many fields, NUL, bytes that are not UTF-8. Its quotes pair up, as
in every record but the last one of an input; that one comes last here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tailrace_core.csv_text.headers import header_line
from tailrace_core.csv_text.records import QuoteState, split_records, state_after
from tailrace_core.errors import ContractError

_LINE = re.compile(rb'(0|[1-9]\d{0,11}),"((?:[^"\r\n]|"")*+)",(.*)', re.DOTALL)
_BREAKS = re.compile(r"[\r\n]+")


NOT_ISOLATED = "not isolated"
"""The first words of the reason of rows that were rejected with their chunk, because the split
budget was spent."""

KnownRejects = Callable[[int, int], dict[int, str]]
"""Returns why rows cannot be scored, of so many rows from the first; asked once for each row."""


def nothing_known(first_row: int, rows: int) -> dict[int, str]:  # noqa: ARG001 - see `KnownRejects`
    """Return nothing."""
    return {}


@dataclass(frozen=True, slots=True)
class Reject:
    """One rejected row: its position in the input (from 0), reason, and record without line end."""

    row: int
    reason: str
    record: bytes

    @property
    def isolated(self) -> bool:
        """False if only the chunk of the row was refused, and the row never tried alone."""
        return not self.reason.startswith(NOT_ISOLATED)


def reject_columns(source_columns: Sequence[str]) -> tuple[str, str]:
    """Return the names of the columns before the record: ``row`` and ``reason``.

    One gets an underscore in front when the input has a column of that name: no name comes twice.
    """
    row, reason = "row", "reason"
    while row in source_columns:
        row = f"_{row}"
    while reason in source_columns:
        reason = f"_{reason}"
    return row, reason


def rejects_header(source_columns: Sequence[str]) -> bytes:
    """Return the header of a rejects object, whose records have all columns of the source."""
    return header_line((*reject_columns(source_columns), *(source_columns or ("original",))))


def write_rejects(rejects: Iterable[Reject]) -> bytes:
    """Write the body of a rejects object, in row order; of two rejects of a row, the first stays.

    Raises:
        ValueError: a record other than the last has an unclosed quote; it could not be read back.
    """
    by_row: dict[int, Reject] = {}
    for each in rejects:
        by_row.setdefault(each.row, each)
    rows = [by_row[row] for row in sorted(by_row)]
    for each in rows[:-1]:
        if state_after(each.record) is QuoteState.QUOTED:
            raise ValueError(f"row {each.row} opens a quote that is not closed, and is not the last one")
    return b"".join(_line(each) for each in rows)


def read_rejects(body: bytes) -> list[Reject]:
    """Read the rows of a rejects object, in its order.

    Raises:
        ContractError: the bytes are not a rejects object; the message names the record.
    """
    found: list[Reject] = []
    for number, line in enumerate(split_records(body), start=1):
        match = _LINE.fullmatch(line.removesuffix(b"\n"))
        if match is None:
            raise ContractError(f"record {number} of a rejects object is not row, reason, record: {line[:100]!r}")
        reason = match[2].replace(b'""', b'"').decode(errors="replace")
        found.append(Reject(int(match[1]), reason, match[3]))
    return found


def _line(reject: Reject) -> bytes:
    reason = _BREAKS.sub(" ", reject.reason).replace('"', '""').encode(errors="replace")
    return b'%d,"%b",%b\n' % (reject.row, reason, reject.record)
