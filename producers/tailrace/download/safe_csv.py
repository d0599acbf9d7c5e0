"""CSV for spreadsheets: an apostrophe before each cell that would be evaluated as a formula.

A cell counts as a formula when it starts with ``=``, ``+``, ``-``, ``@``, a tab or a carriage
return (OWASP, CSV injection). Plain numbers such as ``-1.5`` or ``+3e4`` stay as they are: no
spreadsheet does anything with them, and people compute with them. Only exports for people are
escaped; parts and events never are.
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
# Finds at least every risky cell, wherever it stands; most blocks hold none and are passed on as
# they are.
_SUSPICIOUS = re.compile(rb'(?:\A|[,\n])(?!(?:%b|"%b")(?:[,\r\n]|\Z))(?!\r\n)"?[=+\-@\t\r]' % (_NUMBER, _NUMBER))


class SafeCsvWriter:
    """Escapes a stream of CSV, written in slices that end anywhere.

    Holds one unfinished record at most.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._carry: list[bytes] = []
        self._state = START

    def write(self, data: bytes) -> int:
        """Take more of the stream, and write its complete records to the target."""
        end, self._state = last_record_end(data, self._state)
        if end:
            whole = b"".join((*self._carry, data[:end]))
            self._carry = []
            self._target.write(escape_formulas(whole))
        if end < len(data):
            self._carry.append(data[end:])
        return len(data)

    def finish(self) -> None:
        """Write a last record without a line end."""
        if self._carry:
            self._target.write(escape_formulas(b"".join(self._carry)))
            self._carry = []


@contextmanager
def escape_if(target: IO[bytes], *, wanted: bool) -> Iterator[IO[bytes] | SafeCsvWriter]:
    """Yield ``target``, or with ``wanted`` a `SafeCsvWriter` over it.

    The writer is finished unless the block raises.
    """
    if not wanted:
        yield target
        return
    stream = SafeCsvWriter(target)
    yield stream
    stream.finish()


def escape_formulas(records: bytes) -> bytes:
    """Return whole records with their formulas escaped and all other bytes as they are."""
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
