"""Pre-flight: the records that break or shift a model's container, found before anything is sent.

Containers read CSV with readers that skip blank lines and comments, stop at ragged records, or fail on text that is not
UTF-8; the predictions then no longer stand beside their rows. Nearly every block is clean, and a few passes over all of
it prove so; only a block that they cannot clear is looked at record by record.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tailrace_core.framing import Cut
from tailrace_core.records import outside_quotes, split_fields, split_records

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n\v\f"
_NEWLINE = ord("\n")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b",\n"))
_GROUP_ROWS = 256


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row (0-based, in the whole input) that no container should see, and why, in a few stable words."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """Checks records that are to have ``columns`` fields; ``header`` is the header without its line end, if any."""

    columns: int
    header: bytes | None = None

    def check(self, cut: Cut) -> list[BadRow]:
        """The bad rows of a cut, in order; a row with several faults is named once, for the first of them."""
        bad: list[BadRow] = []
        row = cut.first_row
        for piece in cut.pieces:
            rows = self.clean_rows(piece)
            if rows is None:
                records = split_records(piece)
                bad += self._search(records, row)
                rows = len(records)
            row += rows
        return bad

    def clean_rows(self, piece: bytes) -> int | None:
        """How many records ``piece`` holds (whole ones) when a few passes prove none bad, else None."""
        quoted = b'"' in piece
        plain = outside_quotes(piece) if quoted else piece
        suspicious = (
            b"\0" in piece
            or not (piece.isascii() or _not_utf8(piece) is None)
            or (quoted and piece.count(b'"') % 2)
            or (b"#" in plain and (plain.startswith(b"#") or b"\n#" in plain))
            or (b"\r" in plain and plain.removesuffix(b"\r").count(b"\r") != plain.count(b"\r\n"))
            or self._may_repeat_header(piece)
        )
        return None if suspicious else self._regular_rows(plain)

    def reason(self, record: bytes) -> str | None:
        """Why one record (with or without its line end) is bad; None when it is not."""
        body = record.removesuffix(b"\n").removesuffix(b"\r")
        if not body.strip(_BLANKS):
            return "blank line"
        if b"\0" in body:
            return "NUL byte"
        fault = _not_utf8(body)
        if fault is not None:
            return f"not UTF-8 (byte {body[fault]:#04x} at offset {fault} of the record)"
        if self.header is not None and body.removeprefix(_BOM) == self.header:
            return "repeats the header"
        return self._broken_structure(body)

    def _broken_structure(self, body: bytes) -> str | None:
        if body.startswith(b"#"):
            return "starts with '#'"
        if body.count(b'"') % 2:
            return "quote not closed"
        found = len(split_fields(body))
        if found != self.columns:
            return f"{self.columns} field{'s' * (self.columns > 1)} expected, {found} found"
        # Readers take a lone carriage return for the end of a line.
        return "carriage return outside quotes" if b"\r" in outside_quotes(body) else None

    def _search(self, records: list[bytes], first_row: int) -> list[BadRow]:
        """Looks one by one at those records only whose neighbourhood is not proved clean."""
        bad: list[BadRow] = []
        for start in range(0, len(records), _GROUP_ROWS):
            group = records[start : start + _GROUP_ROWS]
            if self.clean_rows(b"".join(group)) is None:
                reasons = ((row, self.reason(record)) for row, record in enumerate(group, start=first_row + start))
                bad += [BadRow(row, reason) for row, reason in reasons if reason is not None]
        return bad

    def _may_repeat_header(self, piece: bytes) -> bool:
        header = self.header
        return header is not None and (
            piece.startswith((header, _BOM + header)) or b"\n" + header in piece or b"\n" + _BOM + header in piece
        )

    def _regular_rows(self, plain: bytes) -> int | None:
        """The number of records if each has its fields: then commas and newlines form a known pattern."""
        structure = plain.translate(None, _NOT_STRUCTURE)
        if plain and not plain.endswith(b"\n"):
            structure += b"\n"
        rows = len(structure) // self.columns
        if structure != (b"," * (self.columns - 1) + b"\n") * rows:
            return None
        # With two columns and more, a blank line lacks a comma and has been seen just now.
        return None if self.columns == 1 and _may_hold_blank_line(plain) else rows


def separate(cut: Cut, bad: Collection[BadRow]) -> list[Cut]:
    """The cut in smaller ones that tile it, in order: each holds only bad rows or none.

    What is bad can so be recorded under its own range, and what is left is sent as it stands.
    """
    if not bad:
        return [cut]
    rows = {each.row for each in bad}
    records = (record for piece in cut.pieces for record in split_records(piece))
    separated: list[Cut] = []
    for _, group in groupby(enumerate(records, start=cut.first_row), key=lambda numbered: numbered[0] in rows):
        numbered = list(group)
        data = b"".join(record for _, record in numbered)
        separated.append(Cut(numbered[0][0], len(numbered), len(data), (data,)))
    return separated


def _not_utf8(data: bytes) -> int | None:
    """The offset of the first byte that is not UTF-8; None if all is."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _may_hold_blank_line(plain: bytes) -> bool:
    values = np.frombuffer(plain, np.uint8)
    starts = np.flatnonzero(values[:-1] == _NEWLINE) + 1
    return plain[:1] in {bytes((blank,)) for blank in _BLANKS} or bool(np.isin(values[starts], list(_BLANKS)).any())
