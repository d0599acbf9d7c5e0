from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tailrace_core.records.cutting import Cut
from tailrace_core.records.plain_text import plain_rows, read_small
from tailrace_core.records.preflight import Preflight
from tests.unit.csv_texts import soup

FIELDS = st.sampled_from([b"", b" ", b"\t", b"1", b"-2.5", b"#", b"x#", "ü".encode(), b"\xff", b'"', b"\r", b"\0"])
HEADERS = (None, b"", b"1", b"1,1")


@given(
    st.one_of(st.lists(FIELDS, max_size=4).map(b"\n".join), soup([b"\0", b"\xff", b"\xef\xbb\xbf"])),
    st.integers(1, 3),
    st.sampled_from(HEADERS),
)
@example(b"2\n1\n", 1, b"1")
@example(b"1,1\n", 2, b"1,1")
@example(b"2,1\n1,1", 2, b"1,1")
@example(b"2,1\n\xef\xbb\xbf1,1", 2, b"1,1")
@example(b"#,1\n", 2, None)
@example(b"\0,1\n", 2, None)
@example(b"1\r,1\n", 2, None)
@example(b'"1\n1,"\n', 1, None)
@example(b'"1,1\n1,1"\n', 2, None)
@example(b"1,1\n1\n", 2, None)
@example(b"1,1,1\n1\n", 2, None)
def test_what_is_proved_plain_has_no_bad_row(text: bytes, columns: int, header: bytes | None) -> None:
    rows = plain_rows(text, columns, header)
    cut = Cut.of(text)
    assert rows is None or (rows, []) == (cut.rows, Preflight(columns, header).check(cut))


@given(
    st.integers(1, 3).flatmap(
        lambda columns: st.lists(
            st.lists(st.sampled_from([b"1", b"-2.5", "ü".encode()]), min_size=columns, max_size=columns), min_size=1
        )
    ),
    st.booleans(),
)
def test_rows_of_plain_fields_are_proved(rows: list[list[bytes]], ended: bool) -> None:  # noqa: FBT001 - drawn
    text = b"\n".join(map(b",".join, rows)) + b"\n" * ended
    assert plain_rows(text, len(rows[0]), b"a") == len(rows)


@pytest.mark.parametrize("most", [0, 3, 5, 6, 99])
def test_an_input_is_read_in_one_piece_if_it_is_small_and_stays_whole_if_not(most: int) -> None:
    blocks = [b"12", b"", b"34", b"56"]
    text, again = read_small(blocks, most)
    assert text == (b"123456" if most >= 6 else None)
    assert bytes(chain.from_iterable(again)) == b"123456"


def test_no_more_of_a_large_input_is_read_than_its_size_takes_to_know() -> None:
    blocks = iter([b"12", b"34", b"56"])
    text, again = read_small(blocks, 3)
    assert (text, next(blocks)) == (None, b"56")
    assert list(again) == [b"12", b"34"]
