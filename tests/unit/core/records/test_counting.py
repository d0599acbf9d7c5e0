"""The counts of a stretch are those of a plain state machine, for both ways in and wherever blocks end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.records.counting import RecordCounter
from tailrace_core.records.counts import EntryCount, Within
from tests.unit.csv_texts import reference, sliced, soup, tables

_TEXTS = soup() | tables().map(lambda table: table.data)


def expected(data: bytes, offset: int, within: Within) -> EntryCount:
    """Count by the plainest of state machines; a quote before the data stands for a field that is open."""
    before = b'"' if within is Within.QUOTES else b""
    records, in_quotes = reference(before + data)
    is_ended = (not in_quotes and (before + data).endswith(b"\n")) or not before + data
    starts = [offset - len(before)]
    for record in records:
        starts.append(starts[-1] + len(record))
    ends = starts[1:] if is_ended else starts[1:-1]
    own = starts[len(before) : len(records)]
    line = -1 if is_ended else records[-1].find(b"\n")
    after = Within.QUOTES if in_quotes else Within.START if is_ended else Within.TEXT
    return EntryCount(
        rows=len(own),
        first_end=ends[0] if ends else None,
        last_start=own[-1] if own else None,
        too_long=None,
        rows_before=0,
        first_line=None if line < 0 else starts[len(records) - 1] + line,
        after=after,
    )


@given(st.data(), _TEXTS, st.integers(0, 1000), st.booleans(), st.booleans())
def test_any_blocks_give_the_counts_of_a_plain_state_machine(
    drawn: st.DataObject,
    data: bytes,
    offset: int,
    at_start: bool,  # noqa: FBT001 - hypothesis gives it
    is_stored: bool,  # noqa: FBT001 - as above
) -> None:
    counter = RecordCounter(offset, at_start=at_start)
    for block in drawn.draw(sliced(data)):
        counter.feed(block)
        if is_stored:
            counter = RecordCounter.from_dict(json.loads(json.dumps(counter.to_dict())))
    ways = [Within.START] if at_start else [Within.START, Within.QUOTES]
    assert counter.counts() == {within: expected(data, offset, within) for within in ways}


@pytest.mark.parametrize("border", range(13))
def test_a_record_that_begins_where_a_block_ends_begins_at_that_byte(border: int) -> None:
    data = b'1,2\n"3\n",4\n5'
    counter = RecordCounter(100, at_start=True)
    counter.feed(data[:border])
    counter.feed(data[border:])
    count = counter.counts()[Within.START]
    assert (count.rows, count.first_end, count.last_start, count.after) == (3, 104, 111, Within.TEXT)
