"""Rows that answer 500 are told from an endpoint that is down by single rows that are tried alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import ThrottledError
from tailrace_core.jobs.model import Chunk, ChunkState, JobState, OnParked
from tailrace_core.jobs.probing import CONTROL_ATTEMPTS, CONTROL_WAIT_S, MAX_PROBES
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import JobFinished
from tests.unit.consumers.bench import JOB_ID, SERVER_ERROR, Bench

ATTEMPTS = 3
_STEPS = 2_000


def down(rows: list[bytes]) -> bool:  # noqa: ARG001 the endpoint fails whatever it is sent
    return False


def bad_rows_fail(rows: list[bytes]) -> bool:
    return b"bad" not in rows


def bench_of(*chunks: str, **settings: object) -> Bench:
    """Make a bench with one sealed job; a chunk is a string such as ``gbg`` of good and bad rows."""
    bench = Bench()
    bench.add_job(**{"max_attempts": ATTEMPTS, **settings})
    first = 0
    for rows in chunks:
        bench.add_chunk(first, [b"bad" if row == "b" else b"%d" % (first + at) for at, row in enumerate(rows)])
        first += len(rows)
    bench.ledger.seal(JOB_ID, first)
    return bench


def play(bench: Bench, scores: Callable[[list[bytes]], bool], *, failures_first: bool = False) -> None:
    """Answer every invocation and deliver every retry until nothing is left to do.

    ``failures_first``: failures are notified before successes.
    """
    answered: set[str] = set()
    delivered = 0
    for _ in range(_STEPS):
        waiting = [each for each in bench.invoker.invoked if str(each.inference_id) not in answered]
        waiting.sort(key=lambda each: scores(_sent(bench, each)) is failures_first)
        if waiting:
            answered.add(str(waiting[0].inference_id))
            _answer(bench, waiting[0], scores(_sent(bench, waiting[0])))
        elif delivered < len(bench.retries.sent):
            message, delay_s = bench.retries.sent[delivered]
            bench.now += delay_s
            delivered += 1
            bench.dispatch.handle(message)
        else:
            return
    raise AssertionError(f"it goes on for ever: {bench.job()}")


def _sent(bench: Bench, chunk: Chunk) -> list[bytes]:
    return bench.sent(chunk).splitlines()


def _answer(bench: Bench, invoked: Chunk, scored: bool) -> None:  # noqa: FBT001 the endpoint's answer
    chunk = invoked if invoked.attempt > CONTROL_ATTEMPTS else bench.chunk(invoked.range)
    assert chunk.attempt == invoked.attempt
    if scored:
        bench.collect.handle(bench.answer(chunk, b"".join(row + b"\n" for row in _sent(bench, chunk))))
    else:
        bench.failures.handle(bench.failure(chunk, SERVER_ERROR))


def rows_parked(bench: Bench) -> int:
    return sum(chunk.range.rows for chunk in bench.leaves() if chunk.parked)


def test_the_bad_row_of_three_in_one_chunk_is_rejected_with_the_models_words() -> None:
    bench = bench_of("gbg")
    play(bench, bad_rows_fail)
    assert bench.job().state is JobState.COMPLETED_WITH_REJECTS
    assert [(each.row, "(500)" in each.reason) for each in bench.rejects()] == [(1, True)]
    assert not bench.parked.events


@pytest.mark.parametrize("failures_first", [False, True])
@pytest.mark.parametrize("max_attempts", [1, 3])
@pytest.mark.parametrize("rows", ["bg", "gb", "bgg", "bbg", "ggggb", "bgbgbg", "gbgbgbg", "bbggbb", "bbgbb" + "g" * 20])
def test_no_good_row_is_lost_and_no_more_is_parked_than_rows_that_fail(
    rows: str,
    max_attempts: int,
    failures_first: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    bench = bench_of(rows, max_attempts=max_attempts)
    play(bench, bad_rows_fail, failures_first=failures_first)
    job = bench.job()
    assert job.rows_scored == rows.count("g")
    assert job.rows_rejected + rows_parked(bench) == rows.count("b")
    assert job.rows_rejected


def test_every_short_chunk_with_a_good_row_within_reach_of_the_probes_gets_all_its_good_rows_scored() -> None:
    for rows in ("".join(each) for size in range(1, 6) for each in product("gb", repeat=size)):
        bench = bench_of(rows)
        play(bench, bad_rows_fail)
        assert bench.job().rows_scored == rows.count("g"), rows
        assert bench.job().rows_rejected == (rows.count("b") if "g" in rows else 0), rows
        assert all(each.record == b"bad" for each in bench.rejects()), rows


def test_chunks_that_fail_together_wait_for_the_first_probe_and_all_are_isolated() -> None:
    bench = bench_of(*["ggbg"] * 10)
    play(bench, bad_rows_fail)
    job = bench.job()
    assert (job.rows_scored, job.rows_rejected, rows_parked(bench)) == (30, 10, 0)
    assert job.state is JobState.COMPLETED_WITH_REJECTS


@pytest.mark.parametrize("chunks", [["g"], ["ggg"], ["g" * 50], ["ggg"] * 4, ["gg"] * 200])
def test_an_endpoint_that_is_down_costs_a_few_invocations_a_job_and_no_row(chunks: list[str]) -> None:
    bench = bench_of(*chunks)
    play(bench, down)
    job = bench.job()
    assert (job.rows_scored, job.rows_rejected, rows_parked(bench)) == (0, 0, job.rows_total)
    more = len(bench.invoker.invoked) - ATTEMPTS * len(chunks)
    assert more <= MAX_PROBES * (ATTEMPTS + 1)


def test_an_endpoint_that_recovers_while_chunks_are_held_scores_every_row() -> None:
    calls: list[int] = []

    def recovers(rows: list[bytes]) -> bool:
        calls.append(len(rows))
        return len(bench.invoker.invoked) > 3 * ATTEMPTS + 2

    bench = bench_of("ggg", "ggg", "ggg")
    play(bench, recovers)
    assert bench.job().state is JobState.COMPLETED


def test_a_repeated_notification_of_a_held_rows_failure_does_not_reject_it() -> None:
    bench = bench_of("ggg")
    chunk = bench.chunk(bench.leaves()[0].range)
    for _ in range(ATTEMPTS - 1):
        bench.failures.handle(bench.failure(bench.chunk(chunk.range), SERVER_ERROR))
        bench.dispatch.handle(bench.retries.sent[-1][0])
    assert bench.failures.handle(bench.failure(bench.chunk(chunk.range), SERVER_ERROR)) is Outcome.SPLIT
    probe, rest = bench.leaves()
    held = bench.retries.sent[-1][0]
    for _ in range(ATTEMPTS):
        last = bench.failure(bench.chunk(probe.range), SERVER_ERROR)
        bench.failures.handle(last)
        bench.dispatch.handle(bench.retries.sent[-1][0])
    assert bench.dispatch.handle(held) is Outcome.INVOKED
    rest = bench.chunk(rest.range)
    bench.collect.handle(bench.answer(rest, b"2\n3\n"))

    assert bench.failures.handle(last) is Outcome.RETRYING
    assert bench.chunk(probe.range).state is ChunkState.OPEN
    assert bench.dispatch.handle(bench.retries.sent[-1][0]) is Outcome.INVOKED
    bench.collect.handle(bench.answer(bench.chunk(probe.range), b"1\n"))
    assert bench.job().state is JobState.COMPLETED


def test_a_split_for_a_probe_that_died_before_it_was_recorded_or_started_is_carried_on() -> None:
    bench = bench_of("ggg", max_attempts=1)
    said = bench.failure(bench.leaves()[0], SERVER_ERROR)
    twin = Bench(store=bench.store, ledger=bench.ledger)
    twin.retries.sent = bench.retries.sent
    bench.failures.handle(said)
    made = bench.job().probed
    bench.retries.sent.clear()  # it died before it sent the message of the rest

    assert twin.failures.handle(said) is Outcome.STALE
    assert bench.job().probed == made
    (message, _), *_ = bench.retries.sent
    assert (message.range, message.attempt) == (bench.leaves()[1].range, 1)


def test_a_lost_message_of_a_held_chunk_is_made_up_for_by_the_reconciler() -> None:
    bench = bench_of("ggg", max_attempts=1)
    bench.failures.handle(bench.failure(bench.leaves()[0], SERVER_ERROR))
    bench.retries.sent.clear()
    probe, rest = bench.leaves()
    bench.collect.handle(bench.answer(probe, b"1\n"))
    bench.now += 400
    bench.reconcile.run(60)
    bench.collect.handle(bench.answer(bench.chunk(rest.range), b"2\n3\n"))
    assert bench.job().state is JobState.COMPLETED


def test_a_job_that_does_not_wait_for_an_operator_fails_with_the_models_words() -> None:
    bench = bench_of("ggg", on_parked=OnParked.FAIL)
    play(bench, down)
    bench.reconcile.run(60)
    job = bench.job()
    assert (job.state, job.rows_cancelled, job.times_parked) == (JobState.FAILED, 3, 0)
    assert "need an operator" in (job.reason or "")
    assert "(500)" in (job.reason or "")
    assert not bench.parked.events
    assert [event.state for event in bench.publisher.events if isinstance(event, JobFinished)] == [JobState.FAILED]


def _row_beside_a_scored_one() -> tuple[Bench, Chunk]:
    """A row whose attempts ran out after everything else of its job was scored."""
    bench = bench_of("g", "b", max_attempts=1)
    good, bad = bench.leaves()
    bench.collect.handle(bench.answer(good, b"1\n"))
    assert bench.failures.handle(bench.failure(bad, SERVER_ERROR)) is Outcome.RETRYING
    return bench, bad


def test_where_nothing_else_is_left_a_scored_chunk_is_invoked_again_as_a_control() -> None:
    bench, bad = _row_beside_a_scored_one()
    held, control = bench.retries.sent[-1][0], bench.invoker.invoked[-1]
    assert (control.range, control.attempt) == (RowRange(0, 1), CONTROL_ATTEMPTS + 1)
    assert bench.dispatch.handle(held) is Outcome.POSTPONED

    answer = bench.answer(control, b"1\n")
    assert [bench.collect.handle(answer) for _ in range(2)] == [Outcome.STALE] * 2
    assert (bench.job().rows_scored, bench.job().controls_scored) == (1, 1)
    assert bench.dispatch.handle(held) is Outcome.INVOKED
    assert bench.failures.handle(bench.failure(bench.chunk(bad.range), SERVER_ERROR)) is Outcome.REJECTED
    assert bench.job().state is JobState.COMPLETED_WITH_REJECTS


def test_a_control_that_fails_has_the_row_parked_and_a_late_answer_of_an_earlier_one_counts_no_more() -> None:
    bench, bad = _row_beside_a_scored_one()
    held, control = bench.retries.sent[-1][0], bench.invoker.invoked[-1]
    assert bench.failures.handle(bench.failure(control, SERVER_ERROR)) is Outcome.STALE
    assert bench.dispatch.handle(held) is Outcome.PARKED
    assert (bench.job().rows_scored, bench.job().rows_rejected) == (1, 0)
    assert bench.chunk(bad.range).parked


def test_a_control_answered_with_an_error_page_is_no_sign_that_the_endpoint_works() -> None:
    bench, bad = _row_beside_a_scored_one()
    held, control = bench.retries.sent[-1][0], bench.invoker.invoked[-1]
    assert bench.collect.handle(bench.answer(control, b'{"error": "no worker"}')) is Outcome.STALE
    assert (bench.job().answers, bench.job().controls_failed) == (1, 1)
    assert bench.dispatch.handle(held) is Outcome.PARKED
    assert bench.chunk(bad.range).parked


def test_half_an_hour_after_a_control_whose_answer_is_lost_another_one_is_sent() -> None:
    bench, bad = _row_beside_a_scored_one()
    held = bench.retries.sent[-1][0]
    bench.now += CONTROL_WAIT_S - 1
    assert bench.dispatch.handle(held) is Outcome.POSTPONED
    bench.now += 1
    assert bench.dispatch.handle(held) is Outcome.INVOKED
    assert bench.failures.handle(bench.failure(bench.chunk(bad.range), SERVER_ERROR)) is Outcome.RETRYING
    held, control = bench.retries.sent[-1][0], bench.invoker.invoked[-1]
    assert control.attempt == CONTROL_ATTEMPTS + 2

    bench.collect.handle(bench.answer(control, b"1\n"))
    assert bench.dispatch.handle(held) is Outcome.INVOKED
    assert bench.failures.handle(bench.failure(bench.chunk(bad.range), SERVER_ERROR)) is Outcome.REJECTED
    assert bench.job().state is JobState.COMPLETED_WITH_REJECTS


def test_a_row_is_parked_when_as_many_controls_were_lost_as_there_are_probes() -> None:
    bench, bad = _row_beside_a_scored_one()
    for _ in range(MAX_PROBES - 1):
        bench.now += CONTROL_WAIT_S
        assert bench.dispatch.handle(bench.retries.sent[-1][0]) is Outcome.INVOKED
        bench.failures.handle(bench.failure(bench.chunk(bad.range), SERVER_ERROR))
    assert bench.job().controls_sent == MAX_PROBES
    bench.now += CONTROL_WAIT_S
    assert bench.dispatch.handle(bench.retries.sent[-1][0]) is Outcome.PARKED
    assert bench.chunk(bad.range).parked


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_a_chunk_that_the_spent_budget_leaves_whole_is_rejected_after_a_control(max_attempts: int) -> None:
    bench = bench_of("ggg", "gbg", max_attempts=max_attempts, split_budget=0)
    play(bench, bad_rows_fail)
    job = bench.job()
    assert (job.state, job.rows_scored, job.rows_not_isolated) == (JobState.COMPLETED_WITH_REJECTS, 3, 3)
    assert job.controls_scored == 1
    assert not bench.parked.events


def test_chunks_that_the_spent_budget_leaves_whole_are_parked_when_the_endpoint_goes_down() -> None:
    bench = bench_of("ggg", "ggg", "ggg", split_budget=0)
    play(bench, partial(_until_invocation, bench, 4))
    assert (bench.job().rows_rejected, rows_parked(bench)) == (0, 9 - bench.job().rows_scored)


def test_forged_answers_to_controls_that_were_never_sent_count_nothing() -> None:
    bench = bench_of("g", "g")
    bench.collect.handle(bench.answer(bench.leaves()[0], b"1\n"))
    forged = dataclasses.replace(bench.leaves()[0], attempt=CONTROL_ATTEMPTS + 7, output_location=None)
    assert bench.collect.handle(bench.answer(forged, b"1\n")) is Outcome.STALE
    assert bench.job().answers == 1


def test_a_control_that_the_endpoint_does_not_accept_counts_as_failed() -> None:
    bench = bench_of("g", "b", max_attempts=1)
    good, bad = bench.leaves()
    bench.collect.handle(bench.answer(good, b"1\n"))
    bench.invoker.refusals = [ThrottledError("slow down")]
    with pytest.raises(ThrottledError):
        bench.failures.handle(bench.failure(bad, SERVER_ERROR))
    assert bench.job().controls_failed == 1
    assert bench.failures.handle(bench.failure(bad, SERVER_ERROR)) is Outcome.RETRYING
    assert bench.invoker.invoked[-1].attempt == CONTROL_ATTEMPTS + 2


def _until_invocation(bench: Bench, at: int, rows: list[bytes]) -> bool:
    return len(bench.invoker.invoked) < at and bad_rows_fail(rows)


def test_an_endpoint_that_goes_down_while_a_bad_chunk_is_isolated_costs_no_good_row() -> None:
    for at in range(1, 40):
        bench = bench_of("ggbggggg")
        play(bench, partial(_until_invocation, bench, at))
        assert all(each.record == b"bad" for each in bench.rejects()), at
        job = bench.job()
        assert job.rows_scored + job.rows_rejected + rows_parked(bench) == job.rows_total, at
