"""The property of cutting: the records are those of ``csv.reader``, and joined they are the input."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import split_fields
from tailrace_core.records.cutting import Limits, cut
from tailrace_core.records.preflight import Preflight
from tests.unit.csv_texts import ATOMS, csv_records

_PIECES = (*ATOMS, b"\0")
_MAX_PIECES = 60
_OCTETS_AS_THEY_ARE = 224
"""Drawn bytes from here on stand for themselves, all others for a piece."""


@st.composite
def _texts(draw: st.DrawFn) -> bytes:
    """Any bytes, mostly such as structure CSV; drawn as one string of bytes, which is fast."""
    size = draw(st.integers(0, _MAX_PIECES))
    drawn = draw(st.binary(min_size=size, max_size=size))
    return b"".join(
        _PIECES[octet % len(_PIECES)] if octet < _OCTETS_AS_THEY_ARE else bytes((octet,)) for octet in drawn
    )


@given(_texts(), st.integers(1, 150), st.sampled_from([7, 64, 64, 1000, 1000, 1000]))
def test_records_are_those_of_csv_reader_in_blocks_of_any_size(whole: bytes, block_bytes: int, scan_bytes: int) -> None:
    blocks = (whole[start : start + block_bytes] for start in range(0, len(whole), block_bytes))
    records = [each.data for each in cut(blocks, Limits(rows=1, size_bytes=1000), scan_bytes=scan_bytes)]
    assert b"".join(records) == whole
    found = iter(csv_records(whole))
    for record in records:
        first = read = next(found)
        while len(read) < len(record):
            # Only csv.reader ends a record at a lone carriage return.
            assert read.endswith(b"\r")
            read += next(found)
        assert read == record
        if read != first:
            assert _is_rejected(record)
    assert list(found) == []


def _is_rejected(record: bytes) -> bool:
    body = record.removesuffix(b"\n").removesuffix(b"\r")
    return Preflight(len(split_fields(body))).reason(record) is not None
