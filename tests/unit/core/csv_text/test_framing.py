from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.framing import complete_records
from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError
from tests.unit.csv_texts import reference, reference_records, sliced, soup


@given(st.data())
def test_slices_hold_whole_records_and_join_to_the_input(data: st.DataObject) -> None:
    whole = data.draw(soup())
    slices = list(complete_records(data.draw(sliced(whole)), allow_unclosed=True))
    assert b"".join(slices) == whole
    assert [record for each in slices for record in reference_records(each)] == reference_records(whole)


@pytest.mark.parametrize("record", [b"1,2\n", b'"1\n",2\r\n'])
def test_a_large_block_comes_in_small_slices(record: bytes) -> None:
    slices = list(complete_records([record * 100_000]))
    assert b"".join(slices) == record * 100_000
    assert max(map(len, slices)) < 40_000


def test_an_endless_record_is_refused_before_memory_grows() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'a\n"'
        while True:
            taken += 1
            yield b"never closed\n" * 10

    with pytest.raises(RecordTooLargeError, match="the record at byte 2 is longer than 1000 bytes; probably a quote"):
        list(complete_records(endless(), max_record_bytes=1000))
    assert taken == 8


@given(st.data())
def test_an_unclosed_quote_is_named_by_its_offset(data: st.DataObject) -> None:
    whole = data.draw(soup().filter(lambda whole: reference(whole)[1]))
    records = reference_records(whole)
    with pytest.raises(UnclosedQuoteError) as raised:
        list(complete_records(data.draw(sliced(whole))))
    assert raised.value.offset == len(whole) - len(records[-1])
