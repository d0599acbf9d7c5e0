"""Hypothesis strategies for CSV, well-formed and otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

_CHARACTERS = 'ab7.#,"\n\r \tä€😀'


def soup(extra: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Bytes in which everything that structures CSV is frequent, mostly in ways that nobody would write."""
    atoms = [character.encode() for character in _CHARACTERS] + [b"\r\n", b'""', b'"\n', b"1,2\n", *extra]
    return st.lists(st.sampled_from(atoms), max_size=60).map(b"".join)


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
    records: list[bytes] = []
    record = bytearray()
    inside = False
    for octet in data:
        record.append(octet)
        inside ^= octet == ord('"')
        if octet == ord("\n") and not inside:
            records.append(bytes(record))
            record.clear()
    return [*records, bytes(record)] if record else records


def _rendered(field: str, *, quote: bool, alone: bool) -> str:
    if quote or (alone and not field) or any(character in field for character in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field
