"""What consumers record in the ledger: times, failures and people's decisions."""

from __future__ import annotations

import pytest

from tailrace_consumers.handle_failures.handler import handle
from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.history import HistoryEvent
from tailrace_core.jobs.model import Chunk, ChunkState
from tailrace_core.messages.events import DiscardDue, RetryDue, SplitDue
from tests.unit.consumers.bench import JOB_ID, Bench

ANA, BEN = "arn:aws:iam::1:user/ana", "arn:aws:iam::1:user/ben"
GONE = "ClientError: Could not download the input: NoSuchKey"
BUSY = "ClientError: Received server error (500) from model."


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.add_job(split_budget=9)
    return bench


def parked(bench: Bench, rows: int = 2) -> Chunk:
    chunk = bench.add_chunk(0, [b"%d" % row for row in range(rows)])
    assert bench.failures.handle(bench.failure(chunk, GONE)) is Outcome.PARKED
    return bench.chunk(chunk.range)


def redrive(chunk: Chunk, who: str, at: float = 5.0) -> RetryDue:
    message = RetryDue.of(chunk, attempt=chunk.attempt + 1, tries=1, reason="redriven (1)", redrives=1)
    return message.model_copy(update={"requested_by": who, "requested_at": at, "note": "fixed"})


def decision(kind: type[SplitDue | DiscardDue], chunk: Chunk, who: str) -> str:
    return kind(
        job_id=JOB_ID,
        first_row=chunk.range.first_row,
        rows=chunk.range.rows,
        attempt=chunk.attempt,
        reason="said a person",
        requested_by=who,
        requested_at=7.0,
        note="one bad row",
    ).to_json()


def acts(chunk: Chunk) -> list[tuple[str, str | None]]:
    return [(entry.what, entry.who) for entry in chunk.history]


def test_a_scored_chunk_has_its_four_times(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    settings = bench.ledger.settings(JOB_ID)
    assert settings is not None
    bench.composition.attempts.invoke(chunk, settings)
    bench.now += 2
    answer = bench.answer(bench.chunk(chunk.range), b"9")
    sent = answer.model_copy(
        update={"received_time": "2026-01-25T22:46:00.455Z", "event_time": "2026-01-25T22:46:00.608Z"}
    )
    assert bench.collect.handle(sent) is Outcome.SCORED
    found = bench.chunk(chunk.range)
    assert (found.invoked_at, found.settled_at) == (bench.now - 2, bench.now)
    assert found.received_at is not None
    assert found.completed_at == pytest.approx(found.received_at + 0.153)


@pytest.mark.parametrize("time", [None, "yesterday", "9999-99-99"])
def test_a_time_that_is_none_costs_nothing(bench: Bench, time: str | None) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    answer = bench.answer(chunk, b"9").model_copy(update={"received_time": time, "event_time": time})
    assert bench.collect.handle(answer) is Outcome.SCORED
    assert (bench.chunk(chunk.range).received_at, bench.chunk(chunk.range).completed_at) == (None, None)


def test_a_failure_is_recorded_once_however_often_it_is_notified(bench: Bench) -> None:
    chunk = bench.add_chunk(0, [b"1"])
    for _ in range(3):
        bench.failures.handle(bench.failure(bench.chunk(chunk.range), BUSY))
    (entry,) = bench.chunk(chunk.range).history
    assert (entry.what, entry.attempt, entry.who) == (HistoryEvent.FAILED, 1, None)
    assert (entry.failure or "").startswith(BUSY)


def test_of_two_redrives_one_takes_effect_and_both_are_recorded_once(bench: Bench) -> None:
    chunk = parked(bench)
    for message in (redrive(chunk, ANA), redrive(chunk, BEN), redrive(chunk, BEN), redrive(chunk, ANA)):
        bench.dispatch.handle(message)
    found = bench.chunk(chunk.range)
    assert (found.attempt, found.redrives) == (2, 1)
    assert acts(found) == [
        (HistoryEvent.PARKED, None),
        (HistoryEvent.REDRIVEN, ANA),
        (HistoryEvent.REDRIVE_LATE, BEN),
    ]


def test_a_retry_that_names_nobody_adds_no_act(bench: Bench) -> None:
    chunk = parked(bench)
    message = RetryDue.of(chunk, attempt=2, tries=1, reason="redriven (1)", redrives=1)
    for _ in range(2):
        bench.dispatch.handle(message)
    assert acts(bench.chunk(chunk.range)) == [(HistoryEvent.PARKED, None)]


def test_a_discard_names_who_gave_the_chunk_up(bench: Bench) -> None:
    chunk = parked(bench)
    assert handle(decision(DiscardDue, chunk, ANA), bench.failures)[0] is Outcome.REJECTED
    handle(decision(SplitDue, chunk, BEN), bench.failures)
    assert acts(bench.chunk(chunk.range))[1:] == [(HistoryEvent.DISCARDED, ANA), (HistoryEvent.REDRIVE_LATE, BEN)]


def test_a_chunk_is_redriven_in_halves_once(bench: Bench) -> None:
    chunk = parked(bench, rows=5)
    for _ in range(3):
        handle(decision(SplitDue, chunk, ANA), bench.failures)
    found = bench.chunk(chunk.range)
    assert (found.state, found.parked) == (ChunkState.SPLIT, False)
    assert acts(found)[1:] == [(HistoryEvent.HALVED, ANA)]
    halves = [each for each in bench.ledger.chunks(JOB_ID) if each.state is ChunkState.OPEN]
    assert [(each.range.rows, each.attempt, each.invoked) for each in halves] == [(2, 1, True), (3, 1, True)]
    assert bench.job().split_budget == 8


def test_a_single_row_is_not_halved_and_stays_parked(bench: Bench) -> None:
    chunk = parked(bench, rows=1)
    assert handle(decision(SplitDue, chunk, ANA), bench.failures)[0] is Outcome.STALE
    assert bench.chunk(chunk.range).parked
