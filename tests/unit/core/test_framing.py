from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tailrace import counting
from tailrace_core.errors import RecordError, RecordTooLargeError, UnclosedQuoteError
from tailrace_core.framing import Cut, complete_records, cut
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


@given(st.data(), st.integers(1, 6), st.integers(1, 30), st.sampled_from([4, 9, 1000]))
def test_cuts_depend_on_the_bytes_alone_and_are_the_greedy_ones(
    data: st.DataObject, max_rows: int, max_bytes: int, max_record_bytes: int
) -> None:
    whole = data.draw(soup())
    limited = partial(
        cut, max_rows=max_rows, max_bytes=max_bytes, max_record_bytes=max_record_bytes, allow_unclosed=True
    )
    expected = _outcome(_greedy(whole, max_rows=max_rows, max_bytes=max_bytes, max_record_bytes=max_record_bytes))
    for blocks in ([whole], data.draw(sliced(whole)), [bytes((octet,)) for octet in whole]):
        assert _outcome(limited(blocks)) == expected
        assert _outcome(limited(blocks, count=counting.count_records)) == expected


@given(st.data(), st.integers(1, 6), st.integers(1, 30))
def test_pieces_of_a_cut_begin_and_end_at_record_boundaries(data: st.DataObject, max_rows: int, max_bytes: int) -> None:
    whole = data.draw(soup())
    records = reference_records(whole)
    assume(all(len(record) <= max_bytes for record in records))
    cuts = list(cut(data.draw(sliced(whole)), max_rows=max_rows, max_bytes=max_bytes, allow_unclosed=True))
    pieces = [piece for each in cuts for piece in each.pieces]
    assert [record for piece in pieces for record in reference_records(piece)] == records
    assert all(pieces)


@pytest.mark.parametrize("rows", [1, 2, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("record", [b"1,2\n", b'"1\n",2\r\n', b"\n"])
def test_cuts_by_rows_within_one_large_block(record: bytes, rows: int) -> None:
    total = 5000
    cuts = list(cut([record * total], max_rows=rows, max_bytes=10**9))
    assert [(each.first_row, each.rows) for each in cuts] == [
        (first, min(rows, total - first)) for first in range(0, total, rows)
    ]
    assert all(b"".join(each.pieces) == record * each.rows for each in cuts)


def test_uneven_records_are_counted_by_rows_all_the_same() -> None:
    records = [b"x" * (1 + (7919 * number) % 3000) + b"\n" for number in range(2000)]
    cuts = list(cut([b"".join(records)], max_rows=7, max_bytes=10**9))
    assert [b"".join(each.pieces) for each in cuts] == [b"".join(records[at : at + 7]) for at in range(0, 2000, 7)]


def test_a_record_over_the_cut_limit_names_row_size_limit_and_remedy() -> None:
    with pytest.raises(
        RecordTooLargeError, match=r"row 1 \(at byte 2\) has 11 bytes, more than the 10 .*: allow"
    ) as raised:
        list(cut([b"a\n0123456789\nb\n"], max_rows=5, max_bytes=10))
    assert raised.value.details == {"row": 1, "offset": 2, "size_bytes": 11, "limit_bytes": 10}


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


@pytest.mark.parametrize(("max_rows", "max_bytes"), [(0, 1), (1, 0)])
def test_limits_below_one_are_refused(max_rows: int, max_bytes: int) -> None:
    with pytest.raises(ValueError, match="a row and a byte at least"):
        list(cut([b"a\n"], max_rows=max_rows, max_bytes=max_bytes))


def test_no_input_gives_no_cut() -> None:
    assert list(cut([], max_rows=1, max_bytes=1)) == []
    assert list(cut([b"", b""], max_rows=1, max_bytes=1)) == []


def test_a_block_that_fits_is_handed_on_without_a_copy() -> None:
    block = b"1,2\n" * 1000
    (only,) = cut([block], max_rows=10**6, max_bytes=10**9)
    assert only.pieces[0] is block


def _outcome(cuts: Iterable[Cut]) -> tuple[list[tuple[int, int, int, bytes]], tuple[type, int, int | None] | None]:
    """The cuts up to the error, if there is one, and what the error names."""
    seen: list[tuple[int, int, int, bytes]] = []
    try:
        for each in cuts:
            seen.append((each.first_row, each.rows, each.size_bytes, b"".join(each.pieces)))  # noqa: PERF401 - up to the error
    except RecordError as error:
        return seen, (type(error), error.row, error.offset)
    return seen, None


def _greedy(whole: bytes, *, max_rows: int, max_bytes: int, max_record_bytes: int) -> Iterator[Cut]:
    """The same by the plainest of loops."""
    gathered: list[bytes] = []
    first = offset = 0
    for row, record in enumerate(reference_records(whole)):
        if len(record) > max_record_bytes:
            raise RecordTooLargeError("too large", row=row, offset=offset)
        if gathered and len(b"".join(gathered)) + len(record) > max_bytes:
            yield Cut(first, len(gathered), len(b"".join(gathered)), tuple(gathered))
            first, gathered = row, []
        if len(record) > max_bytes:
            raise RecordTooLargeError("too large", row=row, offset=offset)
        gathered.append(record)
        offset += len(record)
        if len(gathered) == max_rows:
            yield Cut(first, len(gathered), len(b"".join(gathered)), tuple(gathered))
            first, gathered = row + 1, []
    if gathered:
        yield Cut(first, len(gathered), len(b"".join(gathered)), tuple(gathered))
