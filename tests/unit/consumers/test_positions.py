"""Answers with the right number of predictions in the wrong places, and jobs that ask for proof."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tailrace_consumers.objects.chunk_rows import read_chunk_rows
from tailrace_consumers.outcomes import Outcome
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import ContractError
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tests.unit.consumers.bench import JOB_ID, Bench

ROWS = [b"10", b"11", b"12", b"13", b"14", b"15"]
ECHOED = {"source_columns": ("id", "x"), "sent_columns": (0, 1), "output_columns": ("id", "score"), "echo_column": "id"}


def answers(bench: Bench, chunk: Chunk, *, header: bool = False) -> list[bytes]:
    """Answer each line sent with its number, one added."""
    return [b"%d\n" % (int(line) + 1) for line in bench.sent(chunk).splitlines()[header:]]


def predictions(rows: list[bytes]) -> bytes:
    return b"".join(b"%d\n" % (int(row) + 1) for row in rows)


@pytest.mark.parametrize("canaries", [1, 2, 8])
def test_the_copies_are_taken_out_of_the_part(canaries: int) -> None:
    bench = Bench()
    bench.add_job(canaries=canaries)
    chunk = bench.add_chunk(0, ROWS)
    assert len(bench.sent(chunk).splitlines()) == 6 + 4

    assert bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk)))) is Outcome.SCORED
    assert bench.part(chunk.range) == predictions(ROWS)
    assert bench.job().rows_scored == 6


@pytest.mark.parametrize("wrong", ["reversed", "rotated", "dropped"])
def test_a_model_that_answers_in_another_order_has_its_chunk_split(wrong: str) -> None:
    bench = Bench()
    bench.add_job(canaries=1)
    chunk = bench.add_chunk(0, ROWS)
    lines = answers(bench, chunk)
    moved = {"reversed": lines[::-1], "rotated": lines[1:] + lines[:1], "dropped": [*lines[1:], b"a warning\n"]}[wrong]

    assert bench.collect.handle(bench.answer(chunk, b"".join(moved))) is Outcome.SPLIT
    assert bench.chunk(chunk.range).state is ChunkState.SPLIT
    assert keys.part_key(JOB_ID, chunk.range) not in bench.store.objects


def test_a_job_without_a_proof_takes_a_reversed_answer() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, ROWS)
    assert bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk)[::-1]))) is Outcome.SCORED


def test_the_children_of_a_split_have_canaries_of_their_own() -> None:
    bench = Bench()
    bench.add_job(canaries=2)
    chunk = bench.add_chunk(0, ROWS)
    bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk)[::-1])))

    scored = dict[int, bytes]()
    while len(scored) < len(ROWS):
        opened = [each for each in bench.ledger.chunks(JOB_ID) if each.state is ChunkState.OPEN]
        assert opened
        for child in opened:
            assert len(bench.sent(child).splitlines()) == child.rows_sent + 4 * (child.rows_sent > 1)
            outcome = bench.collect.handle(bench.answer(child, b"".join(answers(bench, child)[::-1])))
            if outcome is Outcome.SCORED:
                lines = bench.part(child.range).splitlines(keepends=True)
                scored.update(enumerate(lines, start=child.range.first_row))
    assert b"".join(scored[row] for row in sorted(scored)) == predictions(ROWS)


@pytest.mark.parametrize(
    "disorder",
    [
        lambda lines: [*lines[1:], lines[-1]],
        lambda lines: [lines[0], *lines[:-1]],
        lambda lines: [b"-1\n", *lines[:-2], lines[-1]],
        lambda lines: lines[1:] + lines[:1],
    ],
    ids=["first dropped", "last dropped", "one added", "rotated"],
)
@pytest.mark.parametrize(("canaries", "guarded"), [(1, True), (4, True), (2, False), (4, False)])
def test_a_model_that_moves_the_lines_of_every_answer_has_each_row_answered_alone(
    disorder: Callable[[list[bytes]], list[bytes]], *, canaries: int, guarded: bool
) -> None:
    rows = [b"%d" % row for row in range(10, 31)]
    bench = Bench()
    bench.add_job(canaries=canaries, guarded_canaries=guarded)
    bench.add_chunk(0, rows)
    answered = set[str]()
    while opened := [each for each in bench.ledger.chunks(JOB_ID) if each.state is ChunkState.OPEN]:
        for child in opened:
            lines = answers(bench, child)
            body = disorder(lines) if len(lines) > 1 else lines
            outcome = bench.collect.handle(bench.answer(child, b"".join(body)))
            assert outcome is (Outcome.SCORED if child.range.rows == 1 else Outcome.SPLIT)
            answered.add(child.range.name)
    assert len(answered) == 2 * len(rows) - 1
    assert b"".join(bench.part(RowRange(row, 1)) for row in range(len(rows))) == predictions(rows)


@pytest.mark.parametrize("guarded", [False, True])
def test_a_short_chunk_in_order_is_scored_before_any_other_was_answered(*, guarded: bool) -> None:
    bench = Bench()
    bench.add_job(canaries=2, guarded_canaries=guarded)
    chunk = bench.add_chunk(0, ROWS[:2])
    assert bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk)))) is Outcome.SCORED


@pytest.mark.parametrize("rows", [2, 3])
def test_a_short_last_chunk_out_of_order_is_refused_before_any_other_was_answered(rows: int) -> None:
    bench = Bench()
    bench.add_job(canaries=2)
    bench.add_chunk(0, [b"%d" % row for row in range(10, 19)])
    last = bench.add_chunk(9, ROWS[:rows])
    lines = answers(bench, last)

    assert bench.collect.handle(bench.answer(last, b"".join([*lines[1:], lines[-1]]))) is Outcome.SPLIT


def test_rows_rejected_before_sending_have_no_canary_and_keep_their_places() -> None:
    bench = Bench()
    bench.add_job(canaries=3)
    rejects = (Reject(0, "blank", b""), Reject(3, "blank", b""), Reject(7, "blank", b""))
    chunk = bench.add_chunk(0, ROWS[:5], rejects=rejects)

    bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk))))

    assert bench.part(chunk.range) == b'""\n11\n12\n""\n13\n14\n15\n""\n'


@pytest.mark.parametrize("header_scored", [False, True])
def test_canaries_beside_a_repeated_header(*, header_scored: bool) -> None:
    bench = Bench()
    bench.add_job(canaries=2, header=HeaderPolicy.REPEAT, header_record="x")
    chunk = bench.add_chunk(0, ROWS)
    lines = answers(bench, chunk, header=True)

    body = b"".join([b"nan\n"] * header_scored + lines)
    assert bench.collect.handle(bench.answer(chunk, body)) is Outcome.SCORED
    assert bench.part(chunk.range) == predictions(ROWS)


def test_the_rows_of_a_chunk_are_read_back_without_the_copies() -> None:
    bench = Bench()
    settings = bench.add_job(canaries=2, header=HeaderPolicy.REPEAT, header_record="x")
    chunk = bench.add_chunk(0, ROWS)

    rows = read_chunk_rows(bench.store, chunk, settings)
    assert rows.sent == [row + b"\n" for row in ROWS]
    assert rows.body().startswith(b"x\n")

    bench.store.put(keys.input_key(JOB_ID, chunk.range), b"x\n" + b"".join(row + b"\n" for row in ROWS))
    with pytest.raises(ContractError, match=r"6 sent .* the ledger says 10"):
        read_chunk_rows(bench.store, chunk, settings)
    lost = read_chunk_rows(bench.store, chunk, settings, lost_input=True)
    assert len(lost.sent) == len(ROWS)


def test_an_echo_that_matches_each_row_is_scored() -> None:
    bench = Bench()
    bench.add_job(**ECHOED, canaries=2)
    chunk = bench.add_chunk(0, [b"a%d,%d" % (row, row) for row in range(6)])

    assert bench.collect.handle(bench.answer(chunk, bench.sent(chunk))) is Outcome.SCORED
    assert bench.part(chunk.range) == b"".join(b"a%d,%d\n" % (row, row) for row in range(6))


def test_an_echo_proves_text_for_a_single_row() -> None:
    bench = Bench()
    bench.add_job(**ECHOED)
    chunk = bench.add_chunk(0, [b"a1,cat"])
    bench.add_chunk(1, [b"a2,dog"])

    assert bench.collect.handle(bench.answer(chunk, b"a1,cat\n")) is Outcome.SCORED


def test_an_echo_of_numbers_and_texts_has_no_type() -> None:
    bench = Bench()
    bench.add_job(**ECHOED)
    for first, name in enumerate((b"1", b"a", b"2")):
        chunk = bench.add_chunk(2 * first, [name + b",5"] * 2)
        assert bench.collect.handle(bench.answer(chunk, bench.sent(chunk))) is Outcome.SCORED


def test_an_echoed_row_is_scored_though_a_model_answered_one_line_like_it_for_two_rows() -> None:
    bench = Bench()
    bench.add_job(**ECHOED)
    chunk = bench.add_chunk(0, [b"a1,5", b"a2,6"])
    bench.ledger.seal(JOB_ID, 2)
    assert bench.collect.handle(bench.answer(chunk, b"a1,5\n")) is Outcome.SPLIT

    first = bench.chunk(bench.leaves()[0].range)
    assert bench.collect.handle(bench.answer(first, b"a1,5\n")) is Outcome.SCORED


def test_an_errors_text_gives_no_row_back() -> None:
    bench = Bench()
    bench.add_job(**ECHOED)
    chunk = bench.add_chunk(0, [b"a1,5"])
    bench.ledger.seal(JOB_ID, 1)
    bench.collect.handle(bench.answer(chunk, b"RuntimeError: out of memory, tried 2 GiB\n"))

    assert bench.chunk(chunk.range).state is ChunkState.REJECTED
    assert "gives back" in (bench.chunk(chunk.range).reason or "")


def test_two_swapped_rows_are_seen_by_an_echo() -> None:
    bench = Bench()
    bench.add_job(**ECHOED)
    chunk = bench.add_chunk(0, [b"%d,5" % row for row in range(6)])
    lines = bench.sent(chunk).splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]

    assert bench.collect.handle(bench.answer(chunk, b"".join(lines))) is Outcome.SPLIT


def test_an_echo_beside_a_repeated_header() -> None:
    bench = Bench()
    bench.add_job(**ECHOED, header=HeaderPolicy.REPEAT, header_record="id,x")
    chunk = bench.add_chunk(0, [b"%d,5" % row for row in range(6)])
    lines = bench.sent(chunk).split(b"\n", 1)[1]

    assert bench.collect.handle(bench.answer(chunk, lines)) is Outcome.SCORED


def test_an_answer_in_another_order_rejects_a_row_with_the_reason_when_no_split_is_left() -> None:
    bench = Bench()
    bench.add_job(canaries=1, split_budget=0)
    chunk = bench.add_chunk(0, ROWS)

    bench.collect.handle(bench.answer(chunk, b"".join(answers(bench, chunk)[::-1])))

    settled = bench.chunk(chunk.range)
    assert settled.state is ChunkState.REJECTED
    assert "does not answer in the order of the rows" in (settled.reason or "")
    assert settled.rejected == 6
