from __future__ import annotations

import csv
import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.safe_csv import SafeCsvWriter, escape_formulas, escape_if

_CELL = st.text(alphabet="=+-@\t\r\n\"',;1.e ax", max_size=6)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def written(rows: list[list[str]], end: str) -> bytes:
    return "".join(",".join(map(quoted, row)) + end for row in rows).encode()


def quoted(cell: str) -> str:
    # The csv module's writer leaves a lone carriage return bare, which its own reader takes for the
    # end of a line.
    return '"' + cell.replace('"', '""') + '"' if any(each in cell for each in ',"\r\n') else cell


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_no_cell_is_a_formula_and_all_others_are_as_they_were(rows: list[list[str]], end: str) -> None:
    before = read(written(rows, end))
    after = read(escape_formulas(written(rows, end)))
    expected = [
        [f"'{cell}" if cell[:1] in set("=+-@\t\r") and cell and not _NUMBER.fullmatch(cell) else cell for cell in row]
        for row in before
    ]
    assert after == expected


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_a_stream_comes_out_the_same_however_it_is_sliced(content: bytes, cuts: list[int]) -> None:
    target = io.BytesIO()
    stream = SafeCsvWriter(target)
    borders = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    for start, end in pairwise(borders):
        stream.write(content[start:end])
    stream.finish()
    assert target.getvalue() == escape_formulas(content)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"=1+1,2\n", b"'=1+1,2\n"),
        (b'a,"=SUM(A1,A2)"\n', b'a,"\'=SUM(A1,A2)"\n'),
        (b'-1.5,+3e4,"-2",-.5\n', b'-1.5,+3e4,"-2",-.5\n'),
        (b'"-1,5",-\n', b"\"'-1,5\",'-\n"),
        (b"+1 555 0100,@me,\tx\n", b"'+1 555 0100,'@me,'\tx\n"),
        (b"a,\r\n", b"a,\r\n"),
        (b'"two\n=lines",1\n', b'"two\n=lines",1\n'),
        (b"\xff,=\xfe", b"\xff,'=\xfe"),
    ],
)
def test_cells_are_judged_as_documented(before: bytes, after: bytes) -> None:
    assert escape_formulas(before) == after


def test_nothing_is_changed_for_who_does_not_ask() -> None:
    target = io.BytesIO()
    with escape_if(target, wanted=False) as stream:
        stream.write(b"=1\n")
    assert target.getvalue() == b"=1\n"


def test_a_last_record_without_a_line_end_is_written_too() -> None:
    target = io.BytesIO()
    with escape_if(target, wanted=True) as stream:
        stream.write(b"a\n=")
        stream.write(b"1")
    assert target.getvalue() == b"a\n'=1"
