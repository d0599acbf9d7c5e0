from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.records.bitmaps import STRETCH_BYTES
from tailrace_core.records.utf8 import is_utf8


def reference(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def checked(data: bytes, start: int = 0) -> bool:
    return is_utf8(data, np.frombuffer(data, np.uint8)[start:], start)


# The bytes at which something changes, and neighbours of theirs.
_BORDERS = bytes.fromhex("007f80818f90919fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")


@given(st.lists(st.sampled_from(_BORDERS), max_size=12).map(bytes))
def test_bytes_of_all_kinds_are_judged_as_by_decoding(data: bytes) -> None:
    assert checked(data) == reference(data)


@given(st.text(max_size=80), st.binary(max_size=3), st.text(max_size=80))
def test_text_is_valid_and_what_is_put_into_it_is_judged_as_by_decoding(head: str, put: bytes, tail: str) -> None:
    assert checked(head.encode() + tail.encode())
    data = head.encode() + put + tail.encode()
    assert checked(data) == reference(data)


@pytest.mark.parametrize("lead", _BORDERS)
def test_each_kind_of_beginning_is_judged_as_by_decoding(lead: int) -> None:
    for second in _BORDERS:
        for tail in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf"):
            data = b"." * 62 + bytes((lead, second)) + tail
            assert checked(data) == reference(data), data[62:]


def test_what_stands_before_is_not_looked_at() -> None:
    data = b"\xc0\xff\xe0" + "größer 😀".encode()
    assert checked(data, 3)
    assert not checked(data, 2)


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("middle", ["€😀é".encode(), b"\xf0\x9f\x98", b"\x80" * 6, b"\xe2\x82"])
def test_characters_across_stretches_are_judged_as_by_decoding(before: int, middle: bytes) -> None:
    data = b"." * (STRETCH_BYTES - before) + middle + b"." * 9
    assert checked(data) == reference(data)
