"""Hypothesis strategies for CSV, well-formed and otherwise."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

_CHARACTERS = 'ab7.#,"\n\r \tä€😀'
ATOMS = (*map(str.encode, _CHARACTERS), b"\r\n", b'""', b'"\n', b',"', b'5" x', b"1,2\n")
"""Pieces of text that structure CSV, and a few that do not."""


def soup(extra: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Bytes in which everything that structures CSV is frequent, mostly in ways that nobody would write."""
    return st.lists(st.sampled_from([*ATOMS, *extra]), max_size=60).map(b"".join)


@dataclass(frozen=True)
class Table:
    """Rows of fields and a rendering of them."""

    rows: list[list[str]]
    data: bytes


@st.composite
def tables(draw: st.DrawFn, *, min_rows: int = 0, max_columns: int = 5) -> Table:
    """Well-formed CSV: quoted and unquoted fields, both line ends mixed, the last line end sometimes missing."""
    columns = draw(st.integers(1, max_columns))
    field = st.text(st.sampled_from(_CHARACTERS), max_size=6)
    rows = draw(st.lists(st.lists(field, min_size=columns, max_size=columns), min_size=min_rows, max_size=8))
    lines: list[str] = []
    for row in rows:
        rendered = [_rendered(each, quote=draw(st.booleans()), alone=columns == 1) for each in row]
        lines.append(",".join(rendered) + draw(st.sampled_from(["\n", "\r\n"])))
    data = "".join(lines).encode()
    if draw(st.booleans()):
        data = data.removesuffix(b"\n").removesuffix(b"\r")
    return Table(rows, data)


@st.composite
def sliced(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The data in consecutive blocks, some perhaps empty, cut anywhere (within characters and line ends too)."""
    borders = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:stop] for start, stop in pairwise([0, *borders, len(data)])]


def reference_records(data: bytes) -> list[bytes]:
    """Records by the plainest of state machines."""
    return reference(data)[0]


def reference(data: bytes) -> tuple[list[bytes], bool]:
    """Records by the plainest of state machines, and whether the last one leaves a quoted field open."""
    records: list[bytes] = []
    record = bytearray()
    state = "field start"
    for octet in data:
        character = chr(octet)
        record.append(octet)
        if state == "quoted":
            state = "behind a quote" if character == '"' else "quoted"
        elif character == '"' and state in {"field start", "behind a quote"}:
            state = "quoted"
        else:
            state = "field start" if character in ",\r\n" else "text"
            if character == "\n":
                records.append(bytes(record))
                record.clear()
    return ([*records, bytes(record)] if record else records), state == "quoted"


def csv_rows(data: bytes) -> list[tuple[bytes, list[str]]]:
    """Each record that ``csv.reader`` finds, as bytes and as fields (one character a byte).

    Raises:
        csv.Error: a carriage return outside of quotes that no newline follows.
    """
    lines = io.BytesIO(data).readlines()
    reader = csv.reader(line.decode("latin-1") for line in lines)
    rows: list[tuple[bytes, list[str]]] = []
    begin = 0
    for row in reader:
        rows.append((b"".join(lines[begin : reader.line_num]), row))
        begin = reader.line_num
    return rows


def csv_records(data: bytes) -> list[bytes]:
    """Each record that ``csv.reader`` finds in a file opened with ``newline=""``."""
    lines = list(io.StringIO(data.decode("latin-1"), newline=""))
    reader = csv.reader(lines)
    begins = [0, *(reader.line_num for _ in reader)]
    return ["".join(lines[begin:end]).encode("latin-1") for begin, end in pairwise(begins)]


def field_value(field: bytes) -> str:
    """The value of a field as it stands in a record, as ``csv`` reads it (one character a byte)."""
    text = field.decode("latin-1")
    if not text.startswith('"'):
        return text
    value, at = "", 1
    while at < len(text):
        if text[at] != '"':
            value += text[at]
        elif text[at + 1 : at + 2] == '"':
            value, at = value + '"', at + 1
        else:
            return value + text[at + 1 :]
        at += 1
    return value


def _rendered(field: str, *, quote: bool, alone: bool) -> str:
    if quote or (alone and not field) or any(character in field for character in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field
