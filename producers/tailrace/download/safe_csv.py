"""CSV for spreadsheets: cells that one of them would take for a formula get an apostrophe in front.

A cell is taken for one that starts with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return (OWASP, CSV injection).
Plain numbers such as ``-1.5`` or ``+3e4`` stay as they are: no spreadsheet does anything with them, and people compute
with them. Only what is exported for people goes through here; parts and events never do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tailrace_core.csv_text.records import START, last_record_end, split_fields, split_records

_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN_NUMBER = re.compile(rb'%b|"%b"' % (_NUMBER, _NUMBER))
_RISKY = re.compile(rb'"?[=+\-@\t\r]')
# Finds at least every risky cell, wherever it stands; most blocks hold none and are passed on as they are.
_SUSPICIOUS = re.compile(rb'(?:\A|[,\n])(?!(?:%b|"%b")(?:[,\r\n]|\Z))(?!\r\n)"?[=+\-@\t\r]' % (_NUMBER, _NUMBER))


class SafeCsvWriter:
    """Makes a stream of CSV safe; holds one unfinished record at most. Its `write` takes any slices of it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._carry: list[bytes] = []
        self._state = START

    def write(self, data: bytes) -> int:
        """Take more of the stream; what is complete of it is passed on."""
        end, self._state = last_record_end(data, self._state)
        if end:
            whole = b"".join((*self._carry, data[:end]))
            self._carry = []
            self._target.write(escape_formulas(whole))
        if end < len(data):
            self._carry.append(data[end:])
        return len(data)

    def finish(self) -> None:
        """Pass on a last record without a line end."""
        if self._carry:
            self._target.write(escape_formulas(b"".join(self._carry)))
            self._carry = []


@contextmanager
def escape_if(target: IO[bytes], *, wanted: bool) -> Iterator[IO[bytes] | SafeCsvWriter]:
    """``target``, or a `SafeCsvWriter` in front of it that is finished when the block ends well."""
    if not wanted:
        yield target
        return
    stream = SafeCsvWriter(target)
    yield stream
    stream.finish()


def escape_formulas(records: bytes) -> bytes:
    """Whole records with their risky cells made safe, all other bytes as they are."""
    if not _SUSPICIOUS.search(records):
        return records
    return b"".join(_escape_record(record) for record in split_records(records))


def _escape_record(record: bytes) -> bytes:
    if not _SUSPICIOUS.search(record):
        return record
    body = record.removesuffix(b"\n").removesuffix(b"\r")
    return b",".join(map(_escape_field, split_fields(body))) + record[len(body) :]


def _escape_field(field: bytes) -> bytes:
    if not _RISKY.match(field) or _PLAIN_NUMBER.fullmatch(field):
        return field
    return b"\"'" + field[1:] if field.startswith(b'"') else b"'" + field
