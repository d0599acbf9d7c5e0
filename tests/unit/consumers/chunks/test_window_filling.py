"""Waiting chunks are invoked as others settle."""

from __future__ import annotations

import pytest

from tailrace_consumers.chunks.failures.policy import Failure
from tailrace_consumers.chunks.window_filling import REASON
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import PermanentError, ThrottledError, TransientError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import Settlement
from tailrace_core.messages.events import DiscardDue, RetryDue
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


@pytest.fixture
def splitting() -> Bench:
    """A bench whose window of one holds a chunk of four rows, with one chunk waiting behind it."""
    made = Bench()
    made.add_job(window=1)
    made.add_chunk(0, [b"1", b"2", b"3", b"4"])
    made.add_waiting(4, [b"5"])
    made.ledger.seal(JOB_ID, 5)
    return made


def fail(bench: Bench, rows: RowRange) -> Outcome:
    return bench.failures.handle(bench.failure(bench.chunk(rows)))


def answer(bench: Bench, rows: RowRange) -> Outcome:
    return bench.collect.handle(bench.answer(bench.chunk(rows), b"5\n" * rows.rows))


def test_a_child_takes_the_place_of_its_parent_and_the_other_waits(splitting: Bench) -> None:
    assert fail(splitting, RowRange(0, 4)) is Outcome.SPLIT
    left, right = RowRange(0, 1), RowRange(1, 3)
    assert invoked(splitting) == [RowRange(0, 4), left]
    assert splitting.chunk(right).waiting
    assert (splitting.job().chunks_in_flight, splitting.job().chunks_waiting) == (1, 2)


def test_a_child_that_waits_comes_before_the_ranges_behind_it(splitting: Bench) -> None:
    fail(splitting, RowRange(0, 4))
    assert answer(splitting, RowRange(0, 1)) is Outcome.SCORED
    fail(splitting, RowRange(1, 3))
    for rows in (RowRange(1, 1), RowRange(2, 2), RowRange(4, 1)):
        assert answer(splitting, rows) is Outcome.SCORED
    assert invoked(splitting)[1:] == [
        RowRange(0, 1), RowRange(1, 3), RowRange(1, 1), RowRange(2, 2), RowRange(4, 1),
    ]  # fmt: skip
    assert splitting.job().state is JobState.COMPLETED


def test_both_children_start_while_there_is_room() -> None:
    bench = Bench()
    bench.add_job(window=2)
    bench.add_chunk(0, [b"1", b"2"])
    assert fail(bench, RowRange(0, 2)) is Outcome.SPLIT
    assert invoked(bench) == [RowRange(0, 2), RowRange(0, 1), RowRange(1, 1)]


def test_a_split_that_read_the_job_before_the_window_was_full_leaves_a_child_waiting() -> None:
    bench = Bench()
    bench.add_job(window=2)
    chunk, before = bench.add_chunk(0, [b"1", b"2"]), bench.job()
    bench.add_chunk(2, [b"3"])
    settings = bench.ledger.settings(JOB_ID)
    assert settings is not None
    failure = Failure(FailureClass.DATA, "400")
    assert bench.composition.policy.apply(before, settings, chunk, failure) is Outcome.SPLIT
    assert bench.chunk(RowRange(1, 1)).waiting
    assert bench.job().chunks_in_flight == 2


def test_a_death_between_a_split_and_its_invocation_loses_no_child(splitting: Bench) -> None:
    splitting.invoker.refusals = [TransientError("and then the function died")]
    message = splitting.failure(splitting.chunk(RowRange(0, 4)))
    with pytest.raises(TransientError):
        splitting.failures.handle(message)
    assert splitting.failures.handle(message) is Outcome.STALE
    assert invoked(splitting)[1:] == [RowRange(0, 1)]
    answer(splitting, RowRange(0, 1))
    assert invoked(splitting)[-1] == RowRange(1, 3)


def test_a_window_full_of_parked_chunks_goes_on_when_one_is_discarded(splitting: Bench) -> None:
    splitting.invoker.refusals = [PermanentError("no such endpoint")]
    fail(splitting, RowRange(0, 4))
    assert splitting.chunk(RowRange(0, 1)).parked
    assert splitting.chunk(RowRange(1, 3)).waiting
    discard = DiscardDue(job_id=JOB_ID, first_row=0, rows=1, attempt=1, reason="given up")
    assert splitting.failures.decisions.handle(discard) is Outcome.REJECTED
    assert invoked(splitting)[-1] == RowRange(1, 3)


def test_a_child_that_waited_needs_rows_scored_since_it_started_to_be_rejected() -> None:
    bench = Bench()
    bench.add_job(window=1)
    rows = RowRange(1, 1)
    waiting = Chunk(job_id=JOB_ID, range=rows, attempt=0, tries=0, due_at=NOW, scored_before=0)
    first = bench.add_chunk(0, [b"1"])
    bench.store.put(keys.input_key(JOB_ID, rows), b"2\n")
    bench.ledger.open_chunk(waiting)
    settle(bench, first)
    assert bench.chunk(rows).scored_before == 1


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
