"""Records and fields of CSV in a complete buffer, found by the parity of quotes.

A record ends at a newline outside quotes (RFC 4180: quoted fields may hold newlines, commas and
doubled quotes). A carriage return before that newline belongs to the line end; any other is data. A
quote toggles the state, so a doubled quote toggles it twice and changes nothing. A buffer without
quotes, the usual case in numeric data, skips the parity. Buffers begin outside quotes unless
``inside`` is true.
"""

from __future__ import annotations

import io
import re

# Possessive throughout: an unclosed quote costs one scan of the rest, not one from each position.
_RECORD = re.compile(rb'[^"\n]*+(?:"[^"]*+"[^"\n]*+)*+\n|(?s:.+)')


def outside_quotes(data: bytes) -> bytes:
    """Replace each quoted stretch of ``data``, which begins outside quotes, by a single quote."""
    stretches = data.split(b'"')
    return b'"'.join(stretches[::2]) + (b"" if len(stretches) % 2 else b'"')


def count_records(data: bytes) -> int:
    """Count the records of ``data``; the last may lack its line end."""
    plain = outside_quotes(data) if b'"' in data else data
    return plain.count(b"\n") + (plain != b"" and not plain.endswith(b"\n"))


def split_records(data: bytes) -> list[bytes]:
    """Split ``data`` into records with their line ends; joined, they are ``data``."""
    if b'"' in data:
        return _RECORD.findall(data)
    return io.BytesIO(data).readlines()


def split_lines(data: bytes) -> list[bytes]:
    """Split ``data`` into records without their newlines; a carriage return before one stays."""
    if b'"' in data:
        return [record.removesuffix(b"\n") for record in split_records(data)]
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def split_fields(record: bytes) -> list[bytes]:
    """Split a record (without its line end) into fields, verbatim with quotes.

    Joined by commas, the fields are the record.
    """
    if b'"' not in record:
        return record.split(b",")
    fields: list[bytes] = []
    inside = False
    for part in record.split(b","):
        if inside:
            fields[-1] += b"," + part
        else:
            fields.append(part)
        inside ^= part.count(b'"') % 2 == 1
    return fields


def last_record_end(data: bytes, *, inside: bool) -> tuple[int, bool]:
    """Return the end of the last complete record, and whether ``data`` ends inside quotes.

    The end is an offset in bytes, 0 if no record ends in ``data``.
    """
    if b'"' not in data:
        return (0 if inside else data.rfind(b"\n") + 1), inside
    inside_after = inside ^ (data.count(b'"') % 2 == 1)
    end, quoted = len(data), inside_after
    while True:
        quote = data.rfind(b'"', 0, end)
        newline = -1 if quoted else data.rfind(b"\n", quote + 1, end)
        if newline >= 0 or quote < 0:
            return newline + 1, inside_after
        end, quoted = quote, not quoted


def first_record_end(data: bytes, *, inside: bool) -> int:
    """Return the offset at which the first complete record of ``data`` ends.

    Raises:
        ValueError: no record ends in ``data``.
    """
    at = 0
    while True:
        if inside:
            at = data.index(b'"', at) + 1
        newline = data.index(b"\n", at)
        quote = data.find(b'"', at, newline)
        if quote < 0:
            return newline + 1
        at, inside = quote + 1, True
