"""Marks are the same whatever the parts are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.records import bitmaps
from tailrace_core.records.marks import Marks

_MARKS = st.binary(max_size=1000).map(lambda data: bytes(b'ab,,\n"""'[octet % 8] for octet in data))
_PARTS = st.sampled_from([64, 128, 320, 4096])


@given(
    before=st.binary(max_size=3),
    marks=_MARKS,
    plain=st.integers(0, 500),
    part_bytes=_PARTS,
    inside=st.booleans(),
)
def test_parts_have_what_a_plain_search_finds(
    before: bytes, marks: bytes, plain: int, part_bytes: int, *, inside: bool
) -> None:
    block = b"a" * plain + marks
    data = before + block + b'",\n'
    found = Marks.find(data, len(before), len(before) + len(block), inside=inside, part_bytes=part_bytes)
    assert _positions(found.newlines) == _places(block, b"\n")
    assert found.has_quotes == (b'"' in block)
    if found.has_quotes:
        assert _positions(found.quotes) == _places(block, b'"')
        assert _positions(found.commas) == _places(block, b",")
        parity = bitmaps.truncated(found.parity, len(block))
        assert _positions(parity) == [at for at in range(len(block)) if (block.count(b'"', 0, at + 1) + inside) % 2]


@given(_MARKS, _PARTS)
def test_each_byte_is_fetched_before_it_is_searched(block: bytes, part_bytes: int) -> None:
    data = bytearray(len(block))

    def fetch(start: int, stop: int) -> None:
        data[start:stop] = block[start:stop]

    found = Marks.find(data, 0, len(data), fetch=fetch, part_bytes=part_bytes)
    assert data == block
    assert _positions(found.newlines) == _places(block, b"\n")


def _positions(words: bitmaps.Words) -> list[int]:
    return [int(at) for at in bitmaps.positions(words)]


def _places(data: bytes, octet: bytes) -> list[int]:
    return [int(at) for at in np.flatnonzero(np.frombuffer(data, np.uint8) == octet[0])]
