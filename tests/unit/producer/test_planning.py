from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.options import OnBadRow, SubmitOptions
from tailrace.planning import ChunkPlan, Planner, Seal, planner_for
from tailrace.submission import unscored_part
from tailrace_core.checksums import checksum
from tailrace_core.errors import RecordError, RecordTooLargeError
from tailrace_core.headers import HeaderPolicy
from tailrace_core.ranges import first_gap
from tailrace_core.records import count_records, split_fields, split_records
from tests.unit.csv_texts import Table, reference_records, sliced, soup, tables


def planner(columns: tuple[str, ...], options: SubmitOptions | None = None, header: bytes | None = None) -> Planner:
    return planner_for(columns, header, options or SubmitOptions(), endpoint_name="model")


def chunks_of(plan: list[ChunkPlan | Seal]) -> list[ChunkPlan]:
    return [each for each in plan if isinstance(each, ChunkPlan)]


def body(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


@given(st.data(), st.integers(1, 3), st.integers(1, 5))
def test_sent_and_rejected_records_are_the_input_whatever_it_holds(
    data: st.DataObject, columns: int, chunk_rows: int
) -> None:
    whole = data.draw(soup([b"\0", b"\xff"]))
    names = tuple("abc"[:columns])
    plan = list(planner(names, SubmitOptions(chunk_rows=chunk_rows)).plan(data.draw(sliced(whole))))
    records = reference_records(whole)
    chunks = chunks_of(plan)
    assert plan[-1] == Seal(len(records))
    assert first_gap([chunk.range for chunk in chunks], len(records)) is None
    for chunk in chunks:
        expected = records[chunk.range.first_row : chunk.range.end]
        rejected = {each.row - chunk.range.first_row: each.record for each in chunk.rejected}
        assert all(body(expected[at]) == record for at, record in rejected.items())
        sent = b"".join(record for at, record in enumerate(expected) if at not in rejected)
        assert b"".join(chunk.input) == sent
        assert count_records(sent) == chunk.rows_sent
        assert chunk.source_checksum == checksum(*expected)


@given(st.data(), st.integers(1, 5), st.sampled_from([None, ("a",), ("b", "a")]))
def test_the_plan_does_not_depend_on_how_the_input_came_in_blocks(
    data: st.DataObject, chunk_rows: int, keep: tuple[str, ...] | None
) -> None:
    whole = data.draw(soup([b"\0", b"\xff"]))
    rules = planner(("a", "b", "c"), SubmitOptions(chunk_rows=chunk_rows, keep=keep or ()))

    def flat(blocks: list[bytes]) -> list[object]:
        return [
            each
            if isinstance(each, Seal)
            else (each.range, each.source_checksum, b"".join(each.input), b"".join(each.kept), each.rejected)
            for each in rules.plan(blocks)
        ]

    assert flat([whole]) == flat(data.draw(sliced(whole)))


@given(st.data(), st.integers(1, 4))
def test_the_kept_object_has_a_record_for_every_row_of_the_chunk(data: st.DataObject, chunk_rows: int) -> None:
    whole = data.draw(soup([b"\0", b"\xff"]))
    for chunk in chunks_of(list(planner(("a", "b"), SubmitOptions(chunk_rows=chunk_rows, keep=["b"])).plan([whole]))):
        kept = split_records(b"".join(chunk.kept))
        assert len(kept) == chunk.range.rows
        assert all(record.endswith(b"\n") for record in kept)
        assert count_records(b"".join(chunk.input)) == chunk.rows_sent


@given(tables(min_rows=1, max_columns=3))
def test_kept_fields_stand_verbatim_beside_their_rows(table: Table) -> None:
    names = tuple("abc"[: len(table.rows[0])])
    if len(names) == 1:
        return
    (chunk, _) = list(planner(names, SubmitOptions(keep=names[:1])).plan([table.data]))
    assert isinstance(chunk, ChunkPlan)
    bad = {each.row for each in chunk.rejected}
    for row, (record, kept) in enumerate(
        zip(reference_records(table.data), split_records(b"".join(chunk.kept)), strict=True)
    ):
        if row not in bad:
            assert kept == split_fields(body(record))[0] + b"\n"


def test_a_repeated_header_stands_at_the_head_of_each_chunk_and_counts_against_its_bytes() -> None:
    options = SubmitOptions(header=HeaderPolicy.REPEAT, chunk_bytes=12, drop=["b"])
    plan = list(planner(("a", "b", "c"), options, b"a,b,c").plan([b"1,x,2\n3,x,4\n5,x,6\n"]))
    assert [b"".join(chunk.input) for chunk in chunks_of(plan)] == [b"a,c\n1,2\n", b"a,c\n3,4\n", b"a,c\n5,6\n"]


def test_a_chunk_limit_that_the_header_fills_is_refused_before_anything_is_read() -> None:
    with pytest.raises(RecordTooLargeError, match="header"):
        planner(("aaaa",), SubmitOptions(header=HeaderPolicy.REPEAT, chunk_bytes=5), b"aaaa")


def test_stopping_at_bad_rows_names_the_row_and_the_reason() -> None:
    rules = planner(("a", "b"), SubmitOptions(on_bad_row=OnBadRow.STOP))
    with pytest.raises(RecordError, match="row 1 cannot be scored: 2 fields expected, 1 found") as caught:
        list(rules.plan([b"1,2\n3\n"]))
    assert caught.value.row == 1


def test_kept_fields_of_a_ragged_or_undecodable_row_are_empty_and_others_stay() -> None:
    (chunk, _) = planner(("a", "b"), SubmitOptions(keep=["a"])).plan([b"1\n#2,x\n\xff,x\n4,\xff\n5,6\n"])
    assert isinstance(chunk, ChunkPlan)
    assert b"".join(chunk.kept) == b"\n#2\n\n4\n5\n"
    assert chunk.input == (b"6\n",)


def test_a_chunk_without_a_row_to_send_has_no_input_not_even_a_header() -> None:
    options = SubmitOptions(header=HeaderPolicy.REPEAT)
    (chunk, _) = planner(("a", "b"), options, b"a,b").plan([b"1\n2\n"])
    assert isinstance(chunk, ChunkPlan)
    assert chunk.input == ()
    assert chunk.rows_sent == 0


@pytest.mark.parametrize(
    ("keep", "outputs", "expected"),
    [((), 1, b'""\n""\n'), ((), 2, b",\n,\n"), (("a",), 1, b",\n#x,\n"), (("a",), 3, b",,,\n#x,,,\n")],
)
def test_the_part_of_an_unsent_chunk_has_a_line_for_each_row(
    keep: tuple[str, ...], outputs: int, expected: bytes
) -> None:
    (chunk, _) = planner(("a", "b"), SubmitOptions(keep=keep)).plan([b"1\n#x,2\n"])
    assert isinstance(chunk, ChunkPlan)
    assert unscored_part(chunk, outputs) == expected


def test_a_row_that_becomes_blank_or_a_comment_once_columns_are_taken_away_is_rejected() -> None:
    options = SubmitOptions(keep=["a"])
    (chunk, _) = planner(("a", "b"), options).plan([b"1,x\n2,\n3,#y\n4,z\n5,"])
    assert isinstance(chunk, ChunkPlan)
    assert b"".join(chunk.input) == b"x\nz\n"
    assert b"".join(chunk.kept) == b"1\n2\n3\n4\n5\n"
    assert [(each.row, each.reason) for each in chunk.rejected] == [
        (1, "of the sent columns: blank line"),
        (2, "of the sent columns: starts with '#'"),
        (4, "of the sent columns: blank line"),
    ]
