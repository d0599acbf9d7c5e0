"""Waiting chunks are invoked as others settle."""

from __future__ import annotations

import pytest

from tailrace_consumers.chunks.window_filling import REASON
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import PermanentError, ThrottledError, TransientError
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import Settlement
from tailrace_core.messages.events import RetryDue
from tailrace_core.objects import keys
from tests.unit.consumers.bench import JOB_ID, NOW, Bench, notification

WAITING = [RowRange(1, 1), RowRange(2, 1)]


@pytest.fixture
def bench() -> Bench:
    """A bench with one chunk in flight, which fills the window, and two waiting."""
    made = Bench()
    made.add_job(window=1)
    made.add_chunk(0, [b"1"])
    for rows in WAITING:
        made.add_waiting(rows.first_row, [b"2"])
    return made


def settle(bench: Bench, chunk: Chunk) -> Outcome:
    return bench.collect.handle(bench.answer(chunk, b"5\n"))


def invoked(bench: Bench) -> list[RowRange]:
    return [chunk.range for chunk in bench.invoker.invoked]


def test_a_settled_chunk_makes_room_for_the_next_one(bench: Bench) -> None:
    first = bench.chunk(RowRange(0, 1))

    assert settle(bench, first) is Outcome.SCORED

    assert invoked(bench) == [first.range, WAITING[0]]
    started = bench.chunk(WAITING[0])
    assert (started.attempt, started.tries, started.invoked, started.due_at) == (1, 1, True, NOW + 300)
    assert bench.chunk(WAITING[1]).waiting
    assert (bench.job().chunks_in_flight, bench.job().chunks_waiting) == (1, 1)


def test_a_job_comes_to_its_end_with_one_chunk_in_flight_at_a_time(bench: Bench) -> None:
    bench.ledger.seal(JOB_ID, 3)
    for rows in (RowRange(0, 1), *WAITING):
        assert settle(bench, bench.chunk(rows)) is Outcome.SCORED
    assert bench.job().state is JobState.COMPLETED
    assert len(bench.invoker.invoked) == 3


def test_the_same_message_again_starts_nothing_more(bench: Bench) -> None:
    first = bench.chunk(RowRange(0, 1))
    settle(bench, first)
    assert settle(bench, first) is Outcome.STALE
    assert len(bench.invoker.invoked) == 2


def test_who_comes_again_after_a_death_starts_what_the_dead_one_did_not(bench: Bench) -> None:
    first = bench.chunk(RowRange(0, 1))
    success = bench.answer(first, b"5\n")
    bench.ledger.settle(Settlement(job_id=JOB_ID, range=first.range, state=ChunkState.SCORED))
    assert bench.collect.handle(success) is Outcome.STALE
    assert invoked(bench) == [first.range, WAITING[0]]


def test_a_split_makes_no_room() -> None:
    wide = Bench()
    wide.add_job(window=1)
    chunk = wide.add_chunk(0, [b"1", b"2"])
    wide.add_waiting(2, [b"3"])
    assert wide.failures.handle(wide.failure(chunk)) is Outcome.SPLIT
    assert wide.chunk(RowRange(2, 1)).waiting
    assert wide.job().chunks_in_flight == 2


@pytest.mark.parametrize("refusal", [ThrottledError("slow down"), TransientError("no answer")])
def test_what_the_endpoint_does_not_take_now_goes_to_the_retries(bench: Bench, refusal: Exception) -> None:
    bench.invoker.refusals = [refusal]  # type: ignore[list-item]  # one of ours, as parametrized

    assert settle(bench, bench.chunk(RowRange(0, 1))) is Outcome.SCORED

    ((message, delay_s),) = bench.retries.sent
    assert message == RetryDue(job_id=JOB_ID, first_row=1, rows=1, attempt=1, tries=1, reason=REASON)
    assert delay_s >= 0
    assert bench.dispatch.handle(message) is Outcome.INVOKED
    assert invoked(bench)[-1] == WAITING[0]
    assert bench.dispatch.handle(message) is Outcome.STALE


def test_what_the_endpoint_refuses_for_good_is_parked_and_keeps_its_place(bench: Bench) -> None:
    bench.invoker.refusals = [PermanentError("no such endpoint")]

    assert settle(bench, bench.chunk(RowRange(0, 1))) is Outcome.SCORED

    assert bench.chunk(WAITING[0]).parked
    assert bench.chunk(WAITING[1]).waiting
    assert (bench.job().chunks_in_flight, bench.job().chunks_waiting) == (1, 1)


def test_after_the_deadline_nothing_is_started(bench: Bench) -> None:
    bench.now = bench.job().deadline_at
    assert settle(bench, bench.chunk(RowRange(0, 1))) is Outcome.SCORED
    assert len(bench.invoker.invoked) == 1


def test_the_reconciler_starts_what_waits_when_nothing_is_in_flight() -> None:
    bench = Bench()
    bench.add_job(window=2)
    rows = bench.add_waiting(0, [b"1"])
    bench.now += 901
    bench.reconcile.run(60)
    assert invoked(bench) == [rows]


def test_a_closed_job_cancels_what_waits(bench: Bench) -> None:
    bench.ledger.close(JOB_ID, JobState.CANCELLED, "enough")
    bench.now += 901
    bench.reconcile.run(60)
    assert bench.job().state is JobState.CANCELLED
    assert {chunk.state for chunk in bench.leaves()} == {ChunkState.CANCELLED}
    assert len(bench.invoker.invoked) == 1


def test_an_answer_for_a_chunk_that_was_never_started_is_refused(bench: Bench) -> None:
    location = f"s3://{bench.store.bucket}/{keys.OUTPUTS}forged.out"
    bench.store.put(f"{keys.OUTPUTS}forged.out", b"5\n")
    forged = notification(Chunk(job_id=JOB_ID, range=WAITING[0]), "Completed", {"outputLocation": location})
    assert bench.collect.handle(forged) is Outcome.REFUSED
    assert bench.chunk(WAITING[0]).waiting


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_retry_of_a_chunk_that_was_never_started_is_none(bench: Bench, attempt: int) -> None:
    due = RetryDue(job_id=JOB_ID, first_row=1, rows=1, attempt=attempt, tries=1, reason="forged")
    assert bench.dispatch.handle(due) is Outcome.STALE
    assert bench.chunk(WAITING[0]).waiting


def test_a_failure_of_a_chunk_that_was_never_started_is_stale(bench: Bench) -> None:
    assert bench.failures.handle(bench.failure(Chunk(job_id=JOB_ID, range=WAITING[0]))) is Outcome.STALE
    assert bench.chunk(WAITING[0]).waiting
