"""Scoring on the spot over a real server that misbehaves: the rows add up, in order, whatever happens."""

from __future__ import annotations

import pytest

from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import SubmitOptions
from tests.faults.dataset import Dataset
from tests.faults.scoring.runs import HANG_S, ScoringRun, score_over
from tests.faults.scoring.server import FaultyModel, Misbehaviour, serving

RUNS = 30
OPTIONS = SubmitOptions(keep="id", chunk_rows=8)


def test_random_runs_end_correctly() -> None:
    ended = {ScoringRun.of(f"b:{number}").play()[0].state for number in range(RUNS)}
    assert ended >= {JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS}


@pytest.mark.parametrize("kind", Misbehaviour)
def test_each_misbehaviour_costs_no_row(kind: Misbehaviour) -> None:
    # Each hang takes its time: two rows have one.
    data = Dataset.of(*(b"%d" % number for number in range(2 if kind is Misbehaviour.HANGS else 20)))
    faulty = FaultyModel("s", share=1.0, kinds=(kind,), hang_s=HANG_S)
    with serving(faulty) as url:
        found = score_over(url, data, OPTIONS, concurrency=2, seed="s")
    assert faulty.seen[kind]
    assert (found.state, found.output) == (JobState.COMPLETED, data.result)


def test_twenty_bad_rows_cost_twenty_rows() -> None:
    values = [b"poison" if number % 100 == 7 else b"%d" % number for number in range(2_000)]
    data = Dataset.of(*values)
    with serving(FaultyModel("s")) as url:
        found = score_over(url, data, SubmitOptions(keep="id", chunk_rows=500), concurrency=4, seed="s")
    assert found.output == data.result
    assert [each.row for each in found.rejects] == list(range(7, 2_000, 100))
    assert all("cannot parse a row" in each.reason for each in found.rejects)


def test_a_spent_budget_rejects_whole_chunks_and_says_so() -> None:
    data = Dataset.of(*(b"poison" if number == 3 else b"%d" % number for number in range(16)))
    with serving(FaultyModel("s")) as url:
        found = score_over(url, data, SubmitOptions(keep="id", chunk_rows=8, split_budget=1), concurrency=1, seed="s")
    assert found.scored is not None
    assert found.scored.rows_not_isolated == len(found.rejects) == 7
    assert found.output == data.refusing({each.row for each in found.rejects}).result


def test_a_model_that_refuses_everything_is_left_alone_soon() -> None:
    data = Dataset.of(*[b"poison"] * 10_000)
    faulty = FaultyModel("s")
    with serving(faulty) as url:
        found = score_over(url, data, SubmitOptions(keep="id"), concurrency=1, seed="s")
    assert found.state is JobState.FAILED
    assert found.reason is not None
    assert "refused each of 32" in found.reason
    assert sum(faulty.attempts.values()) < 100


def test_a_model_that_only_fails_ends_the_run_and_rejects_nothing() -> None:
    data = Dataset.of(*[b"fatal"] * 50)
    faulty = FaultyModel("s")
    with serving(faulty) as url:
        found = score_over(url, data, SubmitOptions(keep="id"), concurrency=2, seed="s")
    assert (found.state, found.rejects) == (JobState.FAILED, ())
    assert sum(faulty.attempts.values()) < 50


@pytest.mark.parametrize(
    ("limit", "state"), [(3, JobState.COMPLETED_WITH_REJECTS), (2, JobState.FAILED), ("29%", JobState.FAILED)]
)
def test_the_limit_of_rejected_rows_holds(limit: int | str, state: JobState) -> None:
    data = Dataset.of(*(b"poison" if number < 3 else b"%d" % number for number in range(10)))
    with serving(FaultyModel("s")) as url:
        found = score_over(url, data, SubmitOptions(keep="id", max_rejects=limit), concurrency=1, seed="s")
    assert found.state is state
    assert found.reason is None or "rows were rejected" in found.reason


def test_throttling_for_ever_ends_at_the_deadline() -> None:
    data = Dataset.of(b"1", b"2")
    faulty = FaultyModel("s", share=1.0, kinds=(Misbehaviour.THROTTLED,), faulty_attempts=10**9)
    with serving(faulty) as url:
        found = score_over(url, data, SubmitOptions(keep="id", deadline_s=600.0), concurrency=1, seed="s")
    assert found.state is JobState.EXPIRED
    assert found.rejects == ()
