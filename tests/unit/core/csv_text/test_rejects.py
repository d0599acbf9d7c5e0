import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import Reject, read_rejects, write_rejects
from tailrace_core.errors import ContractError
from tests.unit.csv_texts import reference

RECORDS = st.binary(max_size=40).map(lambda data: split_records(data.rstrip(b"\n") or b"x")[0].removesuffix(b"\n"))
REASONS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


def closed(record: bytes) -> bool:
    return not reference(record)[1]


@given(st.lists(st.tuples(REASONS, RECORDS.filter(closed)), max_size=5), st.none() | RECORDS)
def test_what_is_written_is_read_back_byte_for_byte(rows: list[tuple[str, bytes]], last: bytes | None) -> None:
    rejects = [Reject(row * 7, reason, record) for row, (reason, record) in enumerate(rows)]
    if last is not None:
        rejects.append(Reject(10**9, "the quote is not closed", last))

    assert read_rejects(write_rejects(reversed(rejects))) == rejects


def test_a_record_may_hold_what_made_it_unusable() -> None:
    rejects = [
        Reject(3, 'a "bad" row', b'1,"x\r\ny",\x00,\xff,,,\r'),
        Reject(4, "", b""),
        Reject(9, "open", b'1,"\n2,3\n'),
    ]

    assert read_rejects(write_rejects(rejects)) == rejects


def test_line_breaks_in_a_reason_become_spaces() -> None:
    assert write_rejects([Reject(0, "line 1\r\nline 2", b"a,b")]) == b'0,"line 1 line 2",a,b\n'


def test_of_two_reasons_for_a_row_the_first_stays() -> None:
    assert write_rejects([Reject(1, "first", b"a"), Reject(1, "second", b"a")]) == b'1,"first",a\n'


def test_a_record_that_would_swallow_the_next_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 opens a quote"):
        write_rejects([Reject(1, "open", b'"a'), Reject(2, "fine", b"b")])


@pytest.mark.parametrize("body", [b"a,b,c\n", b"1,reason,record\n", b'1,"reason"\n', b'01,"reason",x\n', b"\n"])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ContractError, match="record 1 of a rejects object"):
        read_rejects(body)
