"""Records and fields of CSV in a complete buffer, found by the parity of quotes.

A record ends at a newline that stands outside of quotes (RFC 4180: quoted fields may hold newlines, commas and doubled
quotes); a carriage return before it belongs to the line end, one elsewhere is data. A quote toggles the state, so a
doubled quote toggles it twice and changes nothing. A buffer without a quote, the usual case in numeric data, needs no
parity at all. Buffers begin outside of quotes
unless ``inside`` says otherwise.
"""

from __future__ import annotations

import io
import re

# Possessive throughout, so that a quote that is never closed costs one scan of the rest and not one for each position.
_RECORD = re.compile(rb'[^"\n]*+(?:"[^"]*+"[^"\n]*+)*+\n|(?s:.+)')


def outside_quotes(data: bytes) -> bytes:
    """``data``, which begins outside of quotes, with each quoted stretch replaced by a single quote."""
    stretches = data.split(b'"')
    return b'"'.join(stretches[::2]) + (b"" if len(stretches) % 2 else b'"')


def count_records(data: bytes) -> int:
    """How many records ``data`` holds, the last of which may lack its line end."""
    plain = outside_quotes(data) if b'"' in data else data
    return plain.count(b"\n") + (plain != b"" and not plain.endswith(b"\n"))


def split_records(data: bytes) -> list[bytes]:
    """The records of ``data`` with their line ends; joined, they are ``data``."""
    if b'"' in data:
        return _RECORD.findall(data)
    return io.BytesIO(data).readlines()


def split_lines(data: bytes) -> list[bytes]:
    """The records of ``data`` without their newlines; a carriage return before one stays."""
    if b'"' in data:
        return [record.removesuffix(b"\n") for record in split_records(data)]
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def split_fields(record: bytes) -> list[bytes]:
    """The fields of one record without its line end, verbatim with their quotes; joined by commas, they are it."""
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
    """Where the last record that ends in ``data`` ends (0 for none), and whether ``data`` ends inside quotes."""
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
    """Where the first record that ends in ``data`` ends; one does."""
    at = 0
    while True:
        if inside:
            at = data.index(b'"', at) + 1
        newline = data.index(b"\n", at)
        quote = data.find(b'"', at, newline)
        if quote < 0:
            return newline + 1
        at, inside = quote + 1, True
