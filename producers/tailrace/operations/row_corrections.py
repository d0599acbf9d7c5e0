"""Corrections of single rows of many parked chunks, from one file.

Each record of the file is the number of a row in the job (from 0, as in the rejects) and the
corrected row: ``row,<columns sent>``. All records are checked before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tailrace.operations.parked import ParkedChunk
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import InputError

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class CorrectedChunk:
    """A parked chunk and its rows, as `corrections.corrected_input` takes them."""

    parked: ParkedChunk
    rows: bytes
    corrected: int
    """Number of rows that differ from what was sent before."""


def correct_rows(
    data: bytes,
    chunks: Iterable[ParkedChunk],
    *,
    sent: Callable[[ParkedChunk], bytes],
    rejected: Callable[[ParkedChunk], Sequence[int]],
    header: HeaderPolicy,
) -> list[CorrectedChunk]:
    """Return the parked chunks that hold corrected rows, with their new rows.

    ``sent`` reads the rows that were sent for a chunk, ``rejected`` the numbers of those rejected
    before sending.

    Raises:
        InputError: a record has no number, or a number twice, or its row was not sent for one of
            ``chunks``.
    """
    left = _numbered(data)
    corrected: list[CorrectedChunk] = []
    for parked in chunks:
        mine = {row: left.pop(row) for row in sorted(left) if parked.range.first_row <= row < parked.range.end}
        if mine:
            corrected.append(_corrected(parked, mine, sent(parked), rejected(parked), header))
    if left:
        row = min(left)
        raise InputError(
            f"row {row} is in no parked chunk of the job ({len(left)} such rows): `tailrace parked list` shows the "
            "chunks; nothing was changed",
            row=row,
        )
    return corrected


def _corrected(
    parked: ParkedChunk, mine: dict[int, bytes], body: bytes, rejected: Sequence[int], header: HeaderPolicy
) -> CorrectedChunk:
    records = split_records(body)
    first = 1 if header is HeaderPolicy.REPEAT else 0
    numbers = [row for row in range(parked.range.first_row, parked.range.end) if row not in set(rejected)]
    places = {row: first + place for place, row in enumerate(numbers)}
    unsent = [row for row in mine if row not in places or places[row] >= len(records)]
    if unsent:
        raise InputError(f"row {unsent[0]} was rejected before it was sent; nothing was changed", row=unsent[0])
    for row, record in mine.items():
        records[places[row]] = record
    return CorrectedChunk(
        parked, b"".join(each if each.endswith(b"\n") else each + b"\n" for each in records), len(mine)
    )


def _numbered(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for place, record in enumerate(split_records(data.removeprefix(_BOM)), start=1):
        number, comma, row = record.partition(b",")
        if place == 1 and comma and not number.strip().isdigit():
            continue  # a header
        if not comma or not number.isdigit():
            raise InputError(f"record {place} of the corrections does not start with a row's number: {record[:80]!r}")
        if int(number) in found:
            raise InputError(f"row {int(number)} is corrected twice in the file; nothing was changed")
        found[int(number)] = row
    if not found:
        raise InputError("the file holds no corrections; each record is a row's number and the corrected row")
    return found
