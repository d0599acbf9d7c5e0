"""Each misbehaving model has the right outcome, in whatever order its answers arrive."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_core.jobs.model import JobState
from tests.fakes.misbehaving_model import HEADER, answer
from tests.misbehaviours import MISBEHAVIOURS, Misbehaviour
from tests.unit.consumers.bench import BAD_REQUEST, JOB_ID, Bench


def bench_of(case: Misbehaviour) -> Bench:
    bench = Bench()
    header = {"header_record": HEADER} if "header" in case.options else {}
    bench.add_job(**case.options, **header)
    rows = [f"{case.behaviour},{value}".encode() for value in case.values]
    for first in range(0, case.rows, case.chunk_rows):
        bench.add_chunk(first, rows[first : first + case.chunk_rows])
    bench.ledger.seal(JOB_ID, case.rows)
    return bench


def play(bench: Bench, order: random.Random) -> None:
    """Answer all invocations in a random order, and then deliver the retries, until none is left."""
    answered = delivered = 0
    waiting = list(bench.invoker.invoked)
    while waiting or delivered < len(bench.retries.sent):
        if waiting:
            asked = waiting.pop(order.randrange(len(waiting)))
            chunk = bench.chunk(asked.range)
            assert chunk.attempt == asked.attempt
            status, body = answer(bench.sent(chunk))
            if status == 200:
                bench.collect.handle(bench.answer(chunk, body))
            else:
                bench.failures.handle(bench.failure(chunk, BAD_REQUEST))
            answered += 1
        else:
            bench.dispatch.handle(bench.retries.sent[delivered][0])
            delivered += 1
        waiting += bench.invoker.invoked[answered + len(waiting) :]


@pytest.mark.parametrize("case", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
@given(order=st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_a_misbehaving_model_has_the_right_outcome_in_any_order(case: Misbehaviour, order: random.Random) -> None:
    bench = bench_of(case)
    play(bench, order)

    assert bench.job().state is (JobState.FAILED if case.predicted is None else JobState.COMPLETED)
    if case.predicted is None:
        assert bench.job().rows_scored == 0
        assert all(case.said in each.reason for each in bench.rejects())
        assert case.said in (bench.job().reason or "")
    else:
        assert bench.result().decode().splitlines() == case.expected
    if case.requests is not None:
        assert len(bench.invoker.invoked) == case.requests
