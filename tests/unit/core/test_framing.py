from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.errors import RecordTooLargeError, UnclosedQuoteError
from tailrace_core.framing import complete_records
from tests.unit.csv_texts import reference_records, sliced, soup


@given(st.data())
def test_blocks_hold_whole_records_and_join_to_the_input(data: st.DataObject) -> None:
    whole = data.draw(soup())
    blocks = list(complete_records(data.draw(sliced(whole)), allow_unclosed=True))
    assert b"".join(block.data for block in blocks) == whole
    per_block = [reference_records(block.data) for block in blocks]
    assert [record for records in per_block for record in records] == reference_records(whole)
    assert [block.rows for block in blocks] == [len(records) for records in per_block]


@given(st.data())
def test_blocks_know_where_they_stand(data: st.DataObject) -> None:
    row = offset = 0
    for block in complete_records(data.draw(sliced(data.draw(soup()))), allow_unclosed=True):
        assert (block.first_row, block.offset) == (row, offset)
        row += block.rows
        offset += len(block.data)


def test_an_endless_record_is_refused_before_memory_grows() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'a\n"'
        while True:
            taken += 1
            yield b"never closed\n" * 10

    with pytest.raises(RecordTooLargeError, match=r"row 1 \(at byte 2\) is longer than 1000 bytes; probably a quote"):
        list(complete_records(endless(), max_record_bytes=1000))
    assert taken == 8


@given(st.data())
def test_an_unclosed_quote_is_named_by_its_row_and_offset(data: st.DataObject) -> None:
    whole = data.draw(soup().filter(lambda whole: whole.count(b'"') % 2 == 1))
    records = reference_records(whole)
    with pytest.raises(UnclosedQuoteError) as raised:
        list(complete_records(data.draw(sliced(whole))))
    assert raised.value.row == len(records) - 1
    assert raised.value.offset == len(whole) - len(records[-1])
