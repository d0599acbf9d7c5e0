from __future__ import annotations

import pytest

from tailrace_consumers.handle_failures.handler import handle
from tailrace_consumers.outcomes import Outcome
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.messages.events import DiscardDue, JobFinished, RetryDue
from tailrace_core.objects import keys
from tests.unit.consumers.bench import JOB_ID, Bench

GONE = "ClientError: Could not download the input: NoSuchKey"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def parked(bench: Bench, *, rejects: tuple[Reject, ...] = ()) -> Chunk:
    """The only chunk of a sealed job, parked because its input is missing."""
    chunk = bench.add_chunk(0, [b"a,1", b"b,2"], kept=[b"k0", b"k1", *([b"k2"] * len(rejects))], rejects=rejects)
    assert bench.ledger.seal(JOB_ID, chunk.range.rows)
    assert bench.failures.handle(bench.failure(chunk, GONE)) is Outcome.PARKED
    return bench.chunk(chunk.range)


def discard(bench: Bench, chunk: Chunk, attempt: int | None = None) -> Outcome:
    message = DiscardDue(
        job_id=JOB_ID,
        first_row=chunk.range.first_row,
        rows=chunk.range.rows,
        attempt=attempt or chunk.attempt,
        reason="discarded: not worth it",
    )
    outcome, _ = handle(message.to_json(), bench.failures)
    assert isinstance(outcome, Outcome)
    return outcome


def add_job(bench: Bench, header: HeaderPolicy = HeaderPolicy.STRIP) -> None:
    bench.add_job(
        source_columns=("key", "x", "y"),
        kept_columns=(0,),
        sent_columns=(1, 2),
        header=header,
        header_record="x,y" if header is HeaderPolicy.REPEAT else None,
    )


def test_a_discarded_chunk_is_rejected_with_the_reason_and_the_job_finished(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    assert discard(bench, chunk) is Outcome.REJECTED
    assert bench.chunk(chunk.range).state is ChunkState.REJECTED
    assert bench.job().state is JobState.FAILED
    assert bench.part(chunk.range) == b"k0,\nk1,\n"
    assert bench.rejects() == [
        Reject(0, "discarded: not worth it", b"k0,a,1"),
        Reject(1, "discarded: not worth it", b"k1,b,2"),
    ]
    assert isinstance(bench.publisher.events[-1], JobFinished)


@pytest.mark.parametrize("header", [HeaderPolicy.STRIP, HeaderPolicy.REPEAT])
@pytest.mark.parametrize("left", [None, b"x,y\n", b"a,1\n"])
def test_a_chunk_whose_input_is_lost_is_discarded_with_what_is_left_of_its_rows(
    bench: Bench, header: HeaderPolicy, left: bytes | None
) -> None:
    add_job(bench, header)
    early = Reject(2, "blank line", b"")
    chunk = parked(bench, rejects=(early,))
    key = keys.input_key(JOB_ID, chunk.range)
    del bench.store.objects[key]
    if left is not None:
        bench.store.put(key, left)
    assert discard(bench, chunk) is Outcome.REJECTED
    assert [each.record for each in bench.rejects()] == [b"k0,,", b"k1,,", b""]
    assert bench.rejects()[2] == early
    assert bench.job().rows_rejected == 3


def test_a_second_copy_of_the_decision_changes_nothing(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    discard(bench, chunk)
    before = bench.job(), bench.part(chunk.range)
    assert discard(bench, chunk) is Outcome.STALE
    assert (bench.job(), bench.part(chunk.range)) == before


def test_a_chunk_that_was_redriven_meanwhile_is_not_discarded(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    again = RetryDue(
        job_id=JOB_ID, first_row=0, rows=2, attempt=chunk.attempt + 1, tries=1, redrives=1, reason="redriven"
    )
    assert bench.dispatch.handle(again) is Outcome.INVOKED
    assert bench.chunk(chunk.range).redrives == 1
    assert discard(bench, chunk) is Outcome.STALE
    assert bench.chunk(chunk.range).state is ChunkState.OPEN


def test_a_chunk_that_nobody_parked_is_not_discarded(bench: Bench) -> None:
    add_job(bench)
    chunk = bench.add_chunk(0, [b"a,1"], kept=[b"k0"])
    assert discard(bench, chunk) is Outcome.STALE
    assert bench.chunk(chunk.range).state is ChunkState.OPEN


def test_a_late_success_counts_for_more_than_the_decision(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    assert bench.collect.handle(bench.answer(chunk, b"1\n2\n")) is Outcome.SCORED
    assert discard(bench, chunk) is Outcome.STALE
    assert bench.part(chunk.range) == b"k0,1\nk1,2\n"


def test_a_chunk_of_a_closing_job_is_cancelled(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    assert bench.ledger.close(JOB_ID, JobState.CANCELLED, "not wanted")
    assert discard(bench, chunk) is Outcome.CLOSED
    assert bench.job().state is JobState.CANCELLED
    assert bench.job().rows_cancelled == 2


def test_a_chunk_that_nobody_knows_is_a_stranger(bench: Bench) -> None:
    add_job(bench)
    chunk = parked(bench)
    message = DiscardDue(job_id=JOB_ID, first_row=0, rows=7, attempt=chunk.attempt, reason="x")
    assert handle(message.to_json(), bench.failures)[0] is Outcome.UNKNOWN_CHUNK
