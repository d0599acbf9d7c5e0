from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.rejected_rows import RejectedRows
from tailrace.download.source_records import SourceRecords, SubmittedRange
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.checksums import checksum
from tailrace_core.submission.planning import planned_cuts

_SETTINGS = JobSettings(endpoint_name="m", chunk_rows=3, chunk_bytes=64)


def _submitted(data: bytes) -> list[SubmittedRange]:
    return [
        SubmittedRange(RowRange(each.first_row, each.rows), checksum(each.data))
        for each in planned_cuts(iter([data]), _SETTINGS)
    ]


def _joined(rows: Sequence[int], data: bytes, submitted: Sequence[SubmittedRange]) -> list[bytes]:
    records = SourceRecords(planned_cuts(iter([data]), _SETTINGS), submitted)
    return [each.record for each in records.join_all(Reject(row, "bad", b"lost") for row in rows)]


@given(
    st.lists(st.sampled_from([b"1,2", b'"a""b",x', b'"two\nlines",y', b'5" pipe,z', b",", b'" ",w']), min_size=1),
    st.sampled_from([b"\n", b"\r\n"]),
    st.data(),
)
def test_records_come_back_by_position_byte_for_byte(records: list[bytes], end: bytes, draw: st.DataObject) -> None:
    data = b"".join(record + end for record in records)
    rows = sorted(draw.draw(st.sets(st.integers(0, len(records) - 1))))
    assert _joined(rows, data, _submitted(data)) == [records[row] for row in rows]


_TEN_ROWS = b"".join(b"%d,x\n" % row for row in range(10))


def test_the_first_range_that_differs_is_named() -> None:
    with pytest.raises(InputError, match="rows 3 to 5 of the source differ"):
        _joined([7], _TEN_ROWS.replace(b"4,x", b"4,y"), _submitted(_TEN_ROWS))
    with pytest.raises(InputError, match="rows 0 to 2 of the source differ"):
        _joined([7], _TEN_ROWS.removeprefix(b"0,x\n"), _submitted(_TEN_ROWS))


def test_rows_behind_the_last_rejected_one_are_not_read() -> None:
    assert _joined([4], _TEN_ROWS.replace(b"9,x", b"9,y"), _submitted(_TEN_ROWS)) == [b"4,x"]


def test_a_source_that_ends_early_says_where() -> None:
    with pytest.raises(InputError, match="ends after 3 rows, and row 4 of the job"):
        _joined([4], _TEN_ROWS[: len(b"0,x\n") * 3], _submitted(_TEN_ROWS))


def test_without_recorded_checksums_nothing_is_joined() -> None:
    with pytest.raises(InputError, match="no checksum of the rows from 0 on"):
        _joined([0], b"1,2\n", [])


def _rows(*, whole: bool = False) -> RejectedRows:
    settings = JobSettings(
        endpoint_name="m", source_columns=("id", "note", "x", "y"), sent_columns=(3, 2), kept_columns=(0,)
    )
    return RejectedRows(settings, whole=whole)


def test_columns_that_were_neither_sent_nor_kept_are_left_out() -> None:
    rows = _rows()
    assert rows.csv_header() == b"row,reason,id,x,y\n"
    assert rows.left_out == ("note",)
    assert rows.csv_line(Reject(7, "no", b'"i,d",,"1",2')) == b'7,"no","i,d","1",2\n'
    assert rows.fields(Reject(7, "no", b"a,,1,2"))["columns"] == ["id", "x", "y"]


def test_original_records_have_all_columns() -> None:
    rows = _rows(whole=True)
    assert rows.csv_header() == b"row,reason,id,note,x,y\n"
    assert rows.csv_line(Reject(7, "no", b"a, b ,1,2")) == b'7,"no",a, b ,1,2\n'


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (b"a,b,c", b'7,"no",a,b,c,\n'),
        (b"a,b,c,d,e", b'7,"no",a,b,c,d,e\n'),
        (b"a", b'7,"no",a\n'),
        (b'a,"b,c,d', b'7,"no",a,"b,c,d\n'),
    ],
)
def test_a_record_whose_fields_cannot_be_told_apart_never_passes_for_a_sound_one(record: bytes, line: bytes) -> None:
    assert _rows().csv_line(Reject(7, "no", record)) == line
