"""Pre-flight check: finds, before anything is sent, records that a container would reject.

A model's container would skip these records or fail on them. Containers read CSV with readers that
skip blank lines and comments, stop at ragged records, or fail on text that is not UTF-8. The
predictions then no longer match their rows. Nearly every block is clean, and a few passes over the
whole block prove it. Only other blocks are checked record by record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tailrace_core.csv_text.framing import DescribePosition, byte_position
from tailrace_core.csv_text.records import (
    QuoteState,
    first_not_utf8,
    quoted_spans,
    split_fields,
    split_records,
    state_after,
)
from tailrace_core.records import bitmaps
from tailrace_core.records.bitmaps import Octets
from tailrace_core.records.cutting import Cut, Window
from tailrace_core.records.structure import Structure
from tailrace_core.records.utf8 import is_utf8

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n\v\f"
_SPACE, _HASH, _COMMA, _RETURN = b" #,\r"
_GROUP_ROWS = 256


def _byte_of_record(offset: int) -> str:
    return f"at byte {offset} of the record"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be sent, and the reason in a few stable words.

    The row is 0-based, in the whole input.
    """

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """Checks that records have ``columns`` sound fields.

    ``header`` is the header without its line end, if any.
    """

    columns: int
    header: bytes | None = None

    def check(self, cut: Cut, describe: DescribePosition = byte_position) -> list[BadRow]:
        """Return the bad rows of a cut in order.

        A row with several faults appears once, with the first of them. ``describe`` says in reasons
        where an offset of the input is.
        """
        bad: list[BadRow] = []
        row = cut.first_row
        scanned, begin = cut.scanned
        for window in cut.windows:
            if not self.is_clean(scanned, Window(begin + window.start, window.structure)):
                records = split_records(cut.data[window.start : window.stop])
                bad += self._search(records, row, _after(describe, cut.offset + window.start))
            row += window.structure.rows
        return bad

    def is_clean(self, data: bytes | bytearray, window: Window) -> bool:
        """Report whether a few passes over a window of ``data`` prove it has no bad record."""
        octets = np.frombuffer(data, np.uint8, window.structure.size, window.start)
        return not (
            window.structure.unclosed
            or data.find(b"\0", window.start, window.stop) >= 0
            or self._may_hold_comment(data, window, octets)
            or self._may_hold_lone_return(data, window, octets)
            or self._may_repeat_header(data, window, octets)
            or not is_utf8(data, octets, window.start)
        ) and self._is_regular(octets, window.structure)

    def reason(self, record: bytes, describe: DescribePosition = _byte_of_record) -> str | None:
        """Return why a record (with or without its line end) is bad; None when it is not.

        ``describe`` says where an offset of the record is.
        """
        body = record.removesuffix(b"\n").removesuffix(b"\r")
        if not body.strip(_BLANKS):
            return "blank line"
        if b"\0" in body:
            return "NUL byte"
        fault = first_not_utf8(body)
        if fault is not None:
            return f"not UTF-8 ({body[fault]:#04x} {describe(fault)})"
        if self.header is not None and body.removeprefix(_BOM) == self.header:
            return "repeats the header"
        return self._broken_structure(body, describe)

    def _broken_structure(self, body: bytes, describe: DescribePosition) -> str | None:
        if body.startswith(b"#"):
            return "starts with '#'"
        if state_after(body) is QuoteState.QUOTED:
            return "quote not closed"
        # Readers take a lone carriage return for the end of a line. It explains a wrong number of
        # fields.
        at = _lone_return(body)
        if at is not None:
            return f"carriage return outside quotes ({describe(at)})"
        found = len(split_fields(body))
        return (
            None if found == self.columns else f"{self.columns} field{'s' * (self.columns > 1)} expected, {found} found"
        )

    def _search(self, records: list[bytes], first_row: int, describe: DescribePosition) -> list[BadRow]:
        """Check records one by one, but only in groups that are not proved clean.

        ``describe`` says where an offset of the joined records is.
        """
        bad: list[BadRow] = []
        offset = 0
        for start in range(0, len(records), _GROUP_ROWS):
            group = records[start : start + _GROUP_ROWS]
            data = b"".join(group)
            if not self.is_clean(data, Window(0, Structure.of(data))):
                bad += self._bad_rows(group, first_row + start, _after(describe, offset))
            offset += len(data)
        return bad

    def _bad_rows(self, records: list[bytes], first_row: int, describe: DescribePosition) -> Iterator[BadRow]:
        offset = 0
        for row, record in enumerate(records, start=first_row):
            reason = self.reason(record, _after(describe, offset))
            if reason is not None:
                yield BadRow(row, reason)
            offset += len(record)

    def _may_hold_comment(self, data: bytes | bytearray, window: Window, octets: Octets) -> bool:
        if data.find(b"#", window.start, window.stop) < 0:
            return False
        return bool((bitmaps.equal(octets, _HASH) & window.structure.starts).any())

    def _may_hold_lone_return(self, data: bytes | bytearray, window: Window, octets: Octets) -> bool:
        if data.find(b"\r", window.start, window.stop) < 0:
            return False
        alone = bitmaps.equal(octets, _RETURN) & ~bitmaps.shift_down(window.structure.ends)
        return bool(window.structure.outside(alone).any())

    def _may_repeat_header(self, data: bytes | bytearray, window: Window, octets: Octets) -> bool:
        if self.header is None:
            return False
        if not self.header:
            return True
        return _may_start_with(self.header, data, window, octets) or data.find(_BOM, window.start, window.stop) >= 0

    def _is_regular(self, octets: Octets, structure: Structure) -> bool:
        """Report whether each record has its number of fields.

        In a single column, none may be a blank line.
        """
        if self.columns == 1 and (bitmaps.where(np.less_equal, octets, _SPACE) & structure.starts).any():
            return False
        # With two columns and more, a blank line lacks a comma.
        commas = bitmaps.equal(octets, _COMMA) if structure.commas is None else structure.commas
        return bitmaps.each_holds(structure.outside(commas), structure.ends, self.columns - 1)


def _after(describe: DescribePosition, start: int) -> DescribePosition:
    """Return a description of offsets that count from ``start`` on."""
    return lambda offset: describe(start + offset)


def _may_start_with(text: bytes, data: bytes | bytearray, window: Window, octets: Octets) -> bool:
    """Report whether a record starts with ``text``."""
    if data.find(text[:1], window.start, window.stop) < 0:
        return False
    at = bitmaps.positions(bitmaps.equal(octets, text[0]) & window.structure.starts)
    for further, octet in enumerate(text[1:], start=1):
        at = at[at < len(octets) - further]
        at = at[octets[at + further] == octet]
    return bool(len(at))


def _lone_return(body: bytes) -> int | None:
    """Return the offset of the first carriage return outside quotes; None when there is none."""
    at = 0
    for start, stop in chain(quoted_spans(body), [(len(body), len(body))]):
        found = body.find(b"\r", at, start)
        if found >= 0:
            return found
        at = stop
    return None
