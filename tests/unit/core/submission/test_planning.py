from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.aws.stacks import Stack
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.records import count_records, split_fields, split_records
from tailrace_core.errors import InputError, RecordError, RecordTooLargeError, UnclosedQuoteError
from tailrace_core.jobs.ranges import first_gap
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.objects.checksums import checksum
from tailrace_core.positions.canaries import remove_copies
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.records.cutting import Cut
from tailrace_core.records.preflight import Preflight
from tailrace_core.submission.chunk_steps import ChunkSteps, unscored_part
from tailrace_core.submission.options import OnBadRow, SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, Planner, Seal, planner_for
from tests.unit.csv_texts import Table, reference, reference_records, sliced, soup, tables


def planner(columns: tuple[str, ...], options: SubmitOptions | None = None, header: bytes | None = None) -> Planner:
    return planner_for(columns, header, options or SubmitOptions(), endpoint_name="model")


def chunks_of(plan: list[ChunkPlan | Seal]) -> list[ChunkPlan]:
    return [each for each in plan if isinstance(each, ChunkPlan)]


def plannable() -> st.SearchStrategy[bytes]:
    """Anything but what ends in a quote that is open for more than a line: that is refused."""
    return soup([b"\0", b"\xff"]).map(
        lambda whole: whole + b'"' * (reference(whole)[1] and b"\n" in body(reference_records(whole)[-1]))
    )


def body(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


@given(st.data(), st.integers(1, 9), st.integers(0, 1), st.sampled_from(["strip", "repeat"]))
def test_a_plan_is_the_same_where_a_small_input_is_tried_without_numpy(
    data: st.DataObject, chunk_rows: int, canaries: int, header: str
) -> None:
    text = b"".join(data.draw(st.lists(st.sampled_from([b"1,2\n", b"33,\n", "ü,4\n".encode(), b"5\n"]), max_size=9)))
    bad = data.draw(st.sets(st.integers(3, 12), max_size=1))
    asked: list[int] = []

    def known_rejects(first_row: int, rows: int) -> dict[int, str]:
        asked.extend(range(first_row, first_row + rows))
        return {row: "as prepared" for row in bad if first_row <= row < first_row + rows}

    options = SubmitOptions(chunk_rows=chunk_rows, chunk_bytes=40, canaries=canaries, header=HeaderPolicy(header))
    plan = planner(("a", "b"), options, b"a,b").plan
    blocks = data.draw(sliced(text))
    expected = planned(plan(blocks, known_rejects=known_rejects, first_row=3))
    once, asked = asked, []
    assert planned(plan(blocks, known_rejects=known_rejects, first_row=3, is_small=True)) == expected
    assert asked == once


def test_a_submit_whose_rows_are_not_sent_as_they_are_is_never_tried_without_numpy() -> None:
    for options in (SubmitOptions(keep=("a",)), SubmitOptions(na=("1",))):
        plan = planner(("a", "b"), options).plan
        assert planned(plan([b"1,2\n"], is_small=True)) == planned(plan([b"1,2\n"]))


def planned(plan: Iterator[ChunkPlan | Seal]) -> list[object]:
    """Return what is planned, and the error at the end."""
    found: list[object] = []
    try:
        found += plan
    except (RecordError, UnclosedQuoteError) as error:
        found.append(str(error))
    return found


@given(st.data(), st.integers(1, 3), st.integers(1, 5))
def test_sent_and_rejected_records_are_the_input_whatever_it_holds(
    data: st.DataObject, columns: int, chunk_rows: int
) -> None:
    whole = data.draw(plannable())
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
        assert chunk.input_checksum == checksum(sent)


@given(st.data(), st.integers(1, 5), st.sampled_from([None, ("a",), ("b", "a")]))
def test_the_plan_does_not_depend_on_how_the_input_came_in_blocks(
    data: st.DataObject, chunk_rows: int, keep: tuple[str, ...] | None
) -> None:
    whole = data.draw(plannable())
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
    whole = data.draw(plannable())
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


@given(st.data(), st.sampled_from([("b",), ("b", "a"), ("c", "a", "b")]))
def test_what_is_sent_of_the_rows_is_as_sound_as_what_was_read(data: st.DataObject, send: tuple[str, ...]) -> None:
    whole = data.draw(soup([b"1,2,3\n", b"#,#,#\n", b",,\n", b"x,#,\n", b" ,1,\r\n"]))
    if reference(whole)[1]:
        return
    for chunk in chunks_of(list(planner(("a", "b", "c"), SubmitOptions(chunk_rows=5, send=send)).plan([whole]))):
        sent = Cut.of(b"".join(chunk.input))
        assert Preflight(len(send)).check(sent) == []
        assert (sent.rows, chunk.input_checksum) == (chunk.rows_sent, checksum(sent.data))


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


def test_the_reason_of_a_row_with_a_lone_carriage_return_names_its_byte_in_the_file() -> None:
    rows = b"1,2\n" * 3
    streams = [io.BytesIO(b"a,b\n" + rows), io.BytesIO(b"a,b\n" + rows + b"3\r,4\n" + rows)]
    with Source.open(streams, header=HeaderPolicy.STRIP) as source:
        plan = list(
            planner(source.columns, SubmitOptions(chunk_rows=4)).plan(source.blocks(), source.describe_position)
        )
    (bad,) = [each for chunk in chunks_of(plan) for each in chunk.rejected]
    assert (bad.row, bad.record) == (6, b"3\r,4")
    assert bad.reason == "carriage return outside quotes (at byte 17 of the BytesIO)"


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


@pytest.mark.parametrize("chunk_rows", [1, 100])
@pytest.mark.parametrize("tail", [b"", b"\n", b",4\n5,6", b'\n5,""\n'])
def test_a_quote_that_nothing_closes_is_an_error_and_not_one_bad_row_when_it_swallows_lines(
    tail: bytes, chunk_rows: int
) -> None:
    rules = planner(("a", "b"), SubmitOptions(chunk_rows=chunk_rows))
    with pytest.raises(UnclosedQuoteError, match=r"row 1 opens a quote \(at byte \d+\) that nothing closes") as caught:
        list(rules.plan([b'1,2\n3,"x\n' + tail + b"7,8\n"]))
    assert (caught.value.row, caught.value.offset) == (1, 4)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_line_that_does_not_close_its_quote_is_a_bad_row(end: bytes) -> None:
    (chunk, seal) = planner(("a", "b")).plan([b'1,2\n3,"x' + end])
    assert isinstance(chunk, ChunkPlan)
    assert [(each.row, each.reason) for each in chunk.rejected] == [(1, "quote not closed")]
    assert seal == Seal(2)


@given(st.data(), st.sampled_from([(), ("a",)]))
def test_a_record_over_the_chunk_limit_is_a_bad_row_and_all_others_are_sent(
    data: st.DataObject, keep: tuple[str, ...]
) -> None:
    sizes = [1, *data.draw(st.lists(st.integers(1, 40), max_size=12))]
    records = [b"%d,%s\n" % (row % 10, b"x" * size) for row, size in enumerate(sizes)]
    rules = planner(("a", "b"), SubmitOptions(chunk_bytes=20, chunk_rows=3, keep=keep))
    plan = list(rules.plan(data.draw(sliced(b"".join(records)))))
    chunks = chunks_of(plan)
    assert plan[-1] == Seal(len(records))
    assert first_gap([chunk.range for chunk in chunks], len(records)) is None
    assert {(each.row, each.reason) for chunk in chunks for each in chunk.rejected} == {
        (row, f"record of {len(record)} bytes is over the chunk limit of 20")
        for row, record in enumerate(records)
        if len(record) > 20
    }
    sent = b"".join(b"".join(chunk.input) for chunk in chunks)
    assert sent == b"".join(record[2:] if keep else record for record in records if len(record) <= 20)
    assert all(chunk.source_bytes <= 20 or not chunk.rows_sent for chunk in chunks)


def test_a_record_over_the_chunk_limit_refuses_the_file_when_told_to_stop() -> None:
    rules = planner(("a",), SubmitOptions(chunk_bytes=5, on_bad_row=OnBadRow.STOP))
    with pytest.raises(RecordError, match="row 1 cannot be scored: record of 9 bytes is over the chunk limit of 5"):
        list(rules.plan([b"1\n12345678\n3\n"]))


@pytest.mark.parametrize("options", [SubmitOptions(chunk_bytes=7), SubmitOptions(chunk_bytes=7, keep="a")])
def test_a_first_record_over_the_chunk_limit_is_a_rejected_row_also_if_only_a_kept_column_is_long(
    options: SubmitOptions,
) -> None:
    first, second, seal = planner(("a", "b"), options).plan([b"12345678,1\n3,4\n"])
    assert isinstance(first, ChunkPlan)
    assert isinstance(second, ChunkPlan)
    assert [each.reason for each in first.rejected] == ["record of 11 bytes is over the chunk limit of 7"]
    assert (first.rows_sent, second.rows_sent, seal) == (0, 1, Seal(2))


def test_a_quote_inside_a_field_is_an_ordinary_character_and_merges_no_rows() -> None:
    options = SubmitOptions(chunk_rows=10, keep=("order_id", "note"))
    rows = [b'1,5" pipe,10\n', b"2,plain,20\n", b'3,6" hose,30\n', b'4,"a ""b"", c",40\n']
    (chunk, seal) = planner(("order_id", "note", "x"), options).plan([b"".join(rows)])
    assert isinstance(chunk, ChunkPlan)
    assert (seal, chunk.rejected) == (Seal(4), ())
    assert b"".join(chunk.input) == b"10\n20\n30\n40\n"
    assert b"".join(chunk.kept) == b'1,5" pipe\n2,plain\n3,6" hose\n4,"a ""b"", c"\n'


JOB_ID = "01JD0000000000000000000000"


@given(st.data(), st.integers(1, 8), st.integers(1, 12), st.integers(24, 90), st.integers(0, 1))
def test_an_input_object_with_its_copies_stays_within_the_limits_of_a_chunk(
    data: st.DataObject, canaries: int, chunk_rows: int, chunk_bytes: int, repeat: int
) -> None:
    rows = data.draw(st.lists(st.integers(0, 10**9), max_size=40))
    header = b"a,b" if repeat else None
    options = SubmitOptions(
        header=HeaderPolicy.REPEAT if repeat else HeaderPolicy.STRIP,
        canaries=canaries,
        chunk_rows=chunk_rows,
        chunk_bytes=chunk_bytes,
    )
    made = planner(("a", "b"), options, header)
    steps = ChunkSteps(Stack("s", {"Bucket": "b"}), DynamoSteps("t"), JOB_ID, made.settings, lambda: 0.0)
    sent: list[bytes] = []
    text = b"".join(b"%d,1\n" % row for row in rows)
    for plan in chunks_of(list(made.plan([text] if text else []))):
        assert not plan.rejected
        call = next(steps.upload(plan))
        body = call.params["Body"]
        lines = split_records(body[len(made.settings.header_line) :])
        assert body.startswith(made.settings.header_line)
        assert len(body) <= chunk_bytes * (1.5 if plan.rows_sent in {2, 3} else 1)
        assert len(lines) <= chunk_rows
        layout = draw_layout(JOB_ID, plan.range, plan.rows_sent, canaries)
        assert len(lines) == layout.lines
        assert call.params["ChecksumCRC32"]
        assert plan.source_checksum == checksum(*remove_copies(lines, layout))
        sent += remove_copies(lines, layout)
    assert b"".join(sent) == text


def test_settings_that_the_ledger_has_no_room_for_are_refused_before_anything_is_read() -> None:
    columns = tuple(f"column_{number}" for number in range(100_000))
    with pytest.raises(InputError, match=r"names of its 100000 columns\) take \d+ bytes, the ledger has room for"):
        planner(columns)
