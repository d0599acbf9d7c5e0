from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects.request_frames import CsvFrame
from tailrace_core.positions.canaries import add_copies, check_copies, insert_copies, remove_copies, same_prediction
from tailrace_core.positions.canary_draws import copies_of, draw_layout, rows_that_leave_room
from tailrace_core.positions.canary_layout import CanaryLayout

JOB = "01JD0WAWQSRPH4P5HK2ZTF1J2N"


def layout_of(rows: int, canaries: int, first_row: int = 0) -> CanaryLayout:
    return draw_layout(JOB, RowRange(first_row, max(rows, 1)), rows, canaries)


def records(rows: int) -> list[bytes]:
    return [b"%d\n" % row for row in range(rows)]


def check(lines: list[bytes], layout: CanaryLayout, batch: int = 3, first_row: int = 0) -> list[bytes]:
    batches = [lines[start : start + batch] for start in range(0, len(lines), batch)]
    return [line for each in check_copies(batches, layout, first_row=first_row) for line in each]


@given(st.integers(0, 60), st.integers(0, 12), st.integers(0, 10**9), st.integers(1, 9))
def test_what_is_inserted_is_taken_out_again(rows: int, canaries: int, first_row: int, batch: int) -> None:
    layout = layout_of(rows, canaries, first_row)
    lines = insert_copies(records(rows), layout)

    assert len(lines) == layout.lines == rows + copies_of(rows, canaries)
    for each in layout.canaries:
        assert lines[each.original_line] == lines[each.copy_line] == records(rows)[each.row]
        assert each.original_line != each.copy_line
    assert len({each.row for each in layout.canaries}) == min(rows * bool(layout.canaries), len(layout.canaries))
    assert remove_copies(lines, layout) == records(rows)
    assert check(lines, layout, batch) == records(rows)


@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 10**9), st.data())
def test_lines_that_are_reversed_or_rotated_are_refused(
    rows: int, canaries: int, first_row: int, data: st.DataObject
) -> None:
    layout = layout_of(rows, canaries, first_row)
    lines = insert_copies(records(rows), layout)
    shift = data.draw(st.integers(1, len(lines) - 1))

    for wrong in (lines[::-1], lines[shift:] + lines[:shift]):
        if remove_copies(wrong, layout) != records(rows):
            with pytest.raises(AlignmentError):
                check(wrong, layout)


@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 10**9), st.data())
def test_a_dropped_row_is_seen_when_a_line_is_added_at_the_end(
    rows: int, canaries: int, first_row: int, data: st.DataObject
) -> None:
    layout = layout_of(rows, canaries, first_row)
    lines = insert_copies(records(rows), layout)
    dropped = data.draw(st.integers(0, len(lines) - 1))

    with pytest.raises(AlignmentError):
        check([*lines[:dropped], *lines[dropped + 1 :], b"a warning"], layout)


def test_the_reason_names_the_row_both_lines_and_both_answers() -> None:
    layout = layout_of(4, 1, first_row=100)
    canary = layout.canaries[1]
    lines = insert_copies([b"0.25", b"0.5", b"0.75", b"1"], layout)
    answer = lines[canary.original_line]
    lines[canary.copy_line] = b"0.125"

    with pytest.raises(AlignmentError) as caught:
        check(lines, layout, first_row=100)

    message = caught.value.message
    assert f"number {canary.row} of the rows sent from row 100 on" in message
    assert f"lines {canary.original_line} and {canary.copy_line} of 8" in message
    assert f"'{answer.decode()}' and '0.125'" in message


def test_a_single_row_is_sent_once() -> None:
    assert (layout_of(0, 8), layout_of(1, 8)) == (CanaryLayout(0), CanaryLayout(1))


def test_jobs_of_older_clients_keep_their_layout() -> None:
    chunk = RowRange(0, 9)
    layout = draw_layout(JOB, chunk, 9, 2, guarded=False)
    assert [(each.row, each.original_line, each.copy_line) for each in layout.canaries] == [(0, 1, 0), (3, 4, 10)]
    assert draw_layout(JOB, chunk, 3, 8, guarded=False).lines == 4
    assert (copies_of(9, 8, guarded=False), rows_that_leave_room(9, 8, guarded=False)) == (4, 6)


def test_two_chunks_or_jobs_draw_other_rows() -> None:
    drawn = {layout_of(1000, 4, first_row) for first_row in range(20)}
    drawn |= {draw_layout(f"job{number}", RowRange(0, 1000), 1000, 4) for number in range(20)}
    assert len(drawn) == 40


@given(st.integers(1, 400), st.integers(0, 100))
def test_the_lines_of_the_largest_chunk_stay_within_the_limit(limit: int, canaries: int) -> None:
    rows = rows_that_leave_room(limit, canaries)
    assert rows >= 1
    assert rows + copies_of(rows, canaries) <= limit
    assert rows == limit or rows + 1 + copies_of(rows + 1, canaries) > limit


@pytest.mark.parametrize("header", [b"", b'"a\nb",c\n'])
@pytest.mark.parametrize("last", [b"6,x", b"6,x\n", b"6,x\r\n"])
def test_a_body_keeps_its_header_and_gets_copies_of_whole_records(header: bytes, last: bytes) -> None:
    sent = [b'1,"a\nb"\n', b"2,y\r\n", b"3,\n", b'4,""\n', b"5,\n", last]
    layout = layout_of(6, 3)

    body = add_copies(header + b"".join(sent), layout, CsvFrame(header))

    assert body.startswith(header)
    lines = split_records(body[len(header) :])
    assert len(lines) == 10
    ended = [*sent[:-1], last if last.endswith(b"\n") else last + b"\n"]
    assert remove_copies(lines, layout) == ended


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b"1.0000005"),
        (b"1e9", b"1000000500"),
        (b"0", b"-0.0000005"),
        (b"nan", b"NaN"),
        (b"inf", b"Infinity"),
        (b"cat,0.5", b"cat,0.5000001"),
        (b'"[0.1,[0.2]]"', b'"[0.1,[0.20000001]]"'),
        (b'"cat"', b"cat"),
    ],
)
def test_predictions_that_are_the_same(one: bytes, other: bytes) -> None:
    assert same_prediction(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b"1.00001"),
        (b"0", b"0.00001"),
        (b"1", b"nan"),
        (b"inf", b"-inf"),
        (b"cat", b"dog"),
        (b"cat,0.5", b"cat"),
        (b'"[0.1,0.2]"', b'"[0.2,0.1]"'),
        (b'"[0.1,0.2]"', b'"[0.1]"'),
    ],
)
def test_predictions_that_differ(one: bytes, other: bytes) -> None:
    assert not same_prediction(one, other)
