from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.records import split_fields, split_records
from tailrace_core.errors import InputError, RecordError
from tailrace_core.records.columns import ColumnPlan
from tailrace_core.records.cutting import Cut, Limits, cut
from tests.unit.csv_texts import Table, sliced, tables

_NAMES = ("id", "region", "price", "a,b")


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Table, ColumnPlan, list[Cut]]:
    """A table, a plan with columns in any order, and the table in cuts of several windows."""
    table = draw(tables(min_rows=1))
    names = [str(position) for position in range(len(table.rows[0]))]
    sent = draw(_choices(len(names)).filter(len))
    kept = draw(_choices(len(names)))
    limits = Limits(rows=draw(st.integers(1, 9)), size_bytes=10**6)
    cuts = list(cut(draw(sliced(table.data)), limits, scan_bytes=draw(st.sampled_from([1, 9, 100]))))
    return table, ColumnPlan(tuple(names), sent, kept), cuts


def _choices(columns: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Some columns, in the file's order as often as in another."""
    flags = st.lists(st.booleans(), min_size=columns, max_size=columns)
    chosen = flags.map(lambda flags: [column for column, flag in enumerate(flags) if flag])
    return st.one_of(chosen, chosen.flatmap(st.permutations)).map(tuple)


@given(_cases())
def test_selected_bytes_are_the_fields_verbatim_with_each_records_line_end(
    case: tuple[Table, ColumnPlan, list[Cut]],
) -> None:
    table, plan, cuts = case
    sent = kept = b""
    for record in split_records(table.data):
        body = record.removesuffix(b"\n").removesuffix(b"\r")
        fields = split_fields(body)
        sent += b",".join(fields[column] for column in plan.sent) + record[len(body) :]
        kept += b",".join(fields[column] for column in plan.kept) + b"\n"
    selected = [plan.select(each) for each in cuts]
    assert b"".join(piece for each in selected for piece in each.sent) == sent
    assert b"".join(piece for each in selected for piece in each.kept) == (kept if plan.kept else b"")


@given(_cases())
def test_the_csv_module_reads_the_selected_columns(case: tuple[Table, ColumnPlan, list[Cut]]) -> None:
    table, plan, cuts = case
    selected = [plan.select(each) for each in cuts]
    sent = [piece for each in selected for piece in each.sent]
    kept = [piece for each in selected for piece in each.kept]
    for chosen, parts in ((plan.sent, sent), (plan.kept, kept)):
        read = list(csv.reader(io.StringIO(b"".join(parts).decode(), newline=""), strict=True))
        expected = [[row[column] for column in chosen] for row in table.rows] if chosen else []
        # To the csv module nothing between two line ends is no row, and nothing at the end not even
        # an empty one.
        assert [row for row in read if row not in ([], [""])] == [row for row in expected if row != [""]]


def test_columns_with_gaps_between_them_keep_their_commas() -> None:
    plan = ColumnPlan.from_names(("a", "b", "c", "d", "e"), send=["a", "c", "d"], keep=["b", "e"])
    selected = plan.select(Cut.of(b'1,2,"3,",4,5\r\n6,7,8,9,0'))
    assert selected.sent == (b'1,"3,",4\r\n6,8,9',)
    assert selected.kept == (b"2,5\n7,0\n",)


def test_nothing_to_select_passes_the_pieces_on_without_a_copy() -> None:
    plan = ColumnPlan.from_names(_NAMES)
    piece = b"1,2,3,4\n" * 10
    assert plan.is_identity
    assert plan.select(Cut.of(piece)).sent[0] is piece
    assert plan.select(Cut.of(piece)).kept == ()


@pytest.mark.parametrize(
    ("wishes", "sent", "kept"),
    [
        ({}, (0, 1, 2, 3), ()),
        ({"keep": ["id"]}, (1, 2, 3), (0,)),
        ({"drop": ["region", "id"]}, (2, 3), ()),
        ({"keep": ["region", "id"], "drop": ["price"]}, (3,), (1, 0)),
        ({"send": ["price", "id"]}, (2, 0), ()),
        ({"send": ["a,b", "id"], "keep": ["id"]}, (3, 0), (0,)),
        ({"send": ["price"], "drop": ["id"]}, (2,), ()),
        ({"keep": ["*"]}, (0, 1, 2, 3), (0, 1, 2, 3)),
        ({"keep": ["price", "*"]}, (0, 1, 3), (2, 0, 1, 3)),
        ({"keep": ["*"], "drop": ["price"]}, (0, 1, 3), (0, 1, 3)),
        ({"keep": ["*"], "send": ["price"]}, (2,), (0, 1, 2, 3)),
        ({"keep": ["id"], "send": ["*"]}, (0, 1, 2, 3), (0,)),
        ({"send": ["*", "region"]}, (0, 2, 3, 1), ()),
        ({"send": ["price", "*", "id"], "drop": ["region"]}, (2, 3, 0), ()),
        ({"keep": ["*", "price:"]}, (0, 1), (0, 1, 2, 3)),
        ({"keep": ["region:a,b"]}, (0,), (1, 2, 3)),
        ({"keep": [":region"], "drop": ["a,b:"]}, (2,), (0, 1)),
    ],
)
def test_wishes_become_positions(wishes: dict[str, list[str]], sent: tuple[int, ...], kept: tuple[int, ...]) -> None:
    plan = ColumnPlan.from_names(_NAMES, **wishes)
    assert (plan.sent, plan.kept) == (sent, kept)
    assert plan.sent_names == tuple(_NAMES[column] for column in sent)
    assert plan.kept_names == tuple(_NAMES[column] for column in kept)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"keep": ["prize"]}, r"no column 'prize', which keep names; the columns are 'id', 'region', 'price', 'a,b'"),
        ({"keep": ["id"], "drop": ["id"]}, r"column 'id' is both in keep and in drop"),
        ({"send": ["id"], "drop": ["id"]}, r"column 'id' is both in send and in drop"),
        ({"send": ["id", "id"]}, r"send names column 'id' twice"),
        ({"send": ["id:price", "region"]}, r"send names column 'region' twice"),
        ({"drop": ["price:id"]}, r"'id' stands before 'price'"),
        ({"keep": ["id:prize"]}, r"no column 'id:prize'"),
        ({"keep": ["id-price"]}, r"no column 'id-price', which keep names \(a range is written id:price\); the"),
        ({"keep": ["id..price"]}, r"no column 'id..price', which keep names \(a range is written id:price\); the"),
        ({"keep": ["id-prize"]}, r"no column 'id-prize', which keep names; the"),
        ({"keep": [":"]}, r"no column ':'"),
        ({"drop": ["*"]}, r"no column is left to send"),
        ({"keep": ["id", "region"], "drop": ["price", "a,b"]}, r"no column is left to send"),
    ],
)
def test_wishes_that_cannot_be_met_say_why(wishes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ColumnPlan.from_names(_NAMES, **wishes)


@pytest.mark.parametrize("row", [b"1\n", b"1,2,3\n", b"\n", b'1,"2\n'])
def test_a_ragged_record_is_named_and_never_shifts_its_neighbours(row: bytes) -> None:
    plan = ColumnPlan(("a", "b"), (1,), (0,))
    with pytest.raises(RecordError, match="row 4 of a cut has") as raised:
        plan.select(Cut.of(b"1,2\n3,4\n5,6\n7,8\n" + row))
    assert raised.value.row == 4


def test_ragged_records_that_make_up_for_each_other_are_refused() -> None:
    with pytest.raises(RecordError, match="row 0 of a cut has 1 fields"):
        ColumnPlan(("a", "b"), (1,), ()).select(Cut.of(b"1\n2,3,4\n"))


def test_a_single_record_of_empty_fields_keeps_its_shape() -> None:
    plan = ColumnPlan(("a", "b", "c"), (0, 1), (2,))
    assert plan.select(Cut.of(b",,\r\n")).sent == (b",\r\n",)
    assert plan.select(Cut.of(b",,\r\n")).kept == (b"\n",)


def test_a_column_that_is_called_like_a_range_or_a_star_is_meant() -> None:
    columns = ("a", "b", "a:b", "*", "x:y", "z")
    assert ColumnPlan.from_names(columns, keep=["a:b"]).kept == (2,)
    assert ColumnPlan.from_names(columns, keep=["*"]).kept == (3,)
    assert ColumnPlan.from_names(columns, keep=["x:y:z"]).kept == (4, 5)


def test_spaces_around_a_name_do_not_count_unless_the_column_has_them() -> None:
    assert ColumnPlan.from_names(("a", "b", "c"), keep=["a", " b"]).kept == (0, 1)
    assert ColumnPlan.from_names(("a", "b", " b"), keep=[" b"]).kept == (2,)
