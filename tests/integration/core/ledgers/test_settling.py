"""Settling and splitting: once, and never by a late caller."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome
from tests.integration.core.ledgers.examples import (
    JOB,
    NOW,
    SETTINGS,
    chunk_of,
    due,
    ended,
    known,
    new_job,
    scored,
    started,
)


def test_settling_moves_the_chunk_and_the_counters(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(scored(0, 10, rejected=3)) is SettleOutcome.SETTLED
    job = known(ledger.job(JOB))
    assert (job.rows_scored, job.rows_rejected, job.rows_cancelled) == (7, 3, 0)
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.state, chunk.rejected, chunk.part_checksum, chunk.part_bytes, chunk.due_at) == (
        ChunkState.SCORED, 3, "crc32:00000001", 10, None,
    )  # fmt: skip


@pytest.mark.parametrize("again", [ChunkState.SCORED, ChunkState.REJECTED, ChunkState.CANCELLED])
def test_a_chunk_settles_once(ledger: Ledger, again: ChunkState) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.settle(scored(0, 10))
    before = (ledger.job(JOB), ledger.chunk(JOB, RowRange(0, 10)))
    assert ledger.settle(ended(0, 10, again)) is SettleOutcome.ALREADY
    assert (ledger.job(JOB), ledger.chunk(JOB, RowRange(0, 10))) == before


def test_a_success_of_any_attempt_settles_and_a_failure_only_of_the_current_one(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    for first_row in (0, 10):
        assert ledger.begin_attempt(chunk_of(first_row, 10, attempt=2))
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED, attempt=1)) is SettleOutcome.ALREADY
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED, attempt=2)) is SettleOutcome.SETTLED
    assert ledger.settle(scored(10, 10)) is SettleOutcome.SETTLED


def test_an_unknown_chunk_settles_nothing(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(scored(0, 9)) is SettleOutcome.ALREADY
    assert ledger.chunk(JOB, RowRange(0, 9)) is None
    assert known(ledger.job(JOB)).rows_settled == 0


def test_a_closed_job_refuses_results_and_takes_cancellations(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is SettleOutcome.REFUSED
    assert ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.settle(scored(0, 10)) is SettleOutcome.REFUSED
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED)) is SettleOutcome.REFUSED
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is SettleOutcome.SETTLED
    assert known(ledger.job(JOB)).rows_cancelled == 10


def test_no_chunk_is_cancelled_while_its_job_runs(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.seal(JOB, 10)
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is SettleOutcome.REFUSED
    assert known(ledger.job(JOB)).rows_cancelled == 0


def test_splitting_replaces_the_chunk_by_two_and_spends_the_budget(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    left, right = chunk_of(0, 4, rejected=1), chunk_of(4, 6)
    assert ledger.split(chunk_of(0, 10, reason="400"), left, right) is SettleOutcome.SETTLED
    parent = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (parent.state, parent.reason, parent.due_at) == (ChunkState.SPLIT, "400", None)
    assert ledger.chunk(JOB, left.range) == left
    assert ledger.chunk(JOB, right.range) == right
    job = known(ledger.job(JOB))
    assert (job.split_budget, job.splits_spent) == (1, 1)
    assert {each.range for each in due(ledger, NOW + 300) if each.range} == {left.range, right.range}


def test_a_chunk_splits_once_and_only_at_its_current_attempt(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.split(chunk_of(0, 10, attempt=2), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.ALREADY
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.SETTLED
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 5), chunk_of(5, 5)) is SettleOutcome.ALREADY
    assert ledger.settle(scored(0, 10)) is SettleOutcome.ALREADY
    assert known(ledger.job(JOB)).split_budget == 1


def test_an_answered_chunk_is_not_split_whatever_attempt_is_current(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    assert known(ledger.chunk(JOB, RowRange(0, 10))).answered
    assert ledger.split(chunk_of(0, 10, attempt=2), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.ALREADY
    assert ledger.settle(scored(0, 10)) is SettleOutcome.SETTLED


def test_only_an_open_chunk_can_be_answered(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert not ledger.mark_answered(JOB, RowRange(0, 9))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.SETTLED
    assert not ledger.mark_answered(JOB, RowRange(0, 10))
    assert not known(ledger.chunk(JOB, RowRange(0, 10))).answered


def test_marked_together_each_chunk_has_its_own_answer(ledger: Ledger) -> None:
    other = JOB[:-1] + "G"
    started(ledger, *(chunk_of(first, 10) for first in (0, 10, 20)), chunk_of(30, 10, attempt=0, tries=0))
    ledger.create_job(new_job(other), SETTINGS)
    ledger.open_chunk(dataclasses.replace(chunk_of(0, 10), job_id=other))
    ledger.settle(scored(10, 10))
    wanted = [(JOB, RowRange(first, 10)) for first in (0, 10, 20, 30, 99, 0)]
    assert ledger.mark_all_answered([*wanted, (other, RowRange(0, 10))]) == [
        True,
        False,
        True,
        False,
        False,
        True,
        True,
    ]
    assert [chunk.answered for chunk in ledger.chunks(JOB)] == [True, False, True, False]
    assert known(ledger.chunk(other, RowRange(0, 10))).answered


def test_no_chunk_splits_without_budget_or_in_a_closed_job(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), budget=0)
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.NO_BUDGET
    assert known(ledger.chunk(JOB, RowRange(0, 10))).state is ChunkState.OPEN
    ledger.close(JOB, JobState.FAILED, "too many")
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.REFUSED
    assert ledger.chunk(JOB, RowRange(0, 4)) is None


def test_opening_chunks_adds_their_grants_to_the_budget_once(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10, split_grant=3), budget=0)
    assert known(ledger.job(JOB)).split_budget == 3
    assert ledger.open_chunk(chunk_of(0, 10, split_grant=3)) is OpenOutcome.EXISTS
    assert ledger.open_chunk(chunk_of(10, 10, split_grant=2, attempt=0, tries=0)) is OpenOutcome.OPENED
    assert known(ledger.job(JOB)).split_budget == 5
    assert known(ledger.chunk(JOB, RowRange(0, 10))).split_grant == 3


def test_a_chunk_without_a_row_to_send_adds_nothing_to_the_budget(ledger: Ledger) -> None:
    started(ledger, budget=0)
    assert ledger.add_rejected(chunk_of(0, 10, split_grant=3)) is OpenOutcome.OPENED
    assert known(ledger.job(JOB)).split_budget == 0


def test_rows_that_were_not_isolated_are_counted_among_the_rejected(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    whole = ended(0, 10, ChunkState.REJECTED)
    assert ledger.settle(dataclasses.replace(whole, not_isolated=8)) is SettleOutcome.SETTLED
    assert ledger.settle(ended(10, 10, ChunkState.REJECTED)) is SettleOutcome.SETTLED
    job = known(ledger.job(JOB))
    assert (job.rows_rejected, job.rows_not_isolated) == (20, 8)
    assert [chunk.not_isolated for chunk in ledger.chunks(JOB)] == [8, 0]


def test_a_child_that_is_there_already_is_not_overwritten(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(0, 4, attempt=5))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is SettleOutcome.REFUSED
    assert known(ledger.chunk(JOB, RowRange(0, 4))).attempt == 5
    assert known(ledger.job(JOB)).split_budget == 2


def test_children_that_do_not_tile_their_parent_are_a_mistake(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    with pytest.raises(ValueError, match="tile"):
        ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(5, 5))


def test_chunks_settled_together_move_the_counters_once(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 10) for first in range(0, 1_200, 10)))
    ends = [scored(first, 10, rejected=1) for first in range(0, 1_190, 10)]
    rejected = ended(1_190, 10, ChunkState.REJECTED)
    assert ledger.settle_all([*ends, rejected]) == [SettleOutcome.SETTLED] * 120
    job = known(ledger.job(JOB))
    assert (job.rows_scored, job.rows_rejected, job.rows_settled, job.chunks_in_flight) == (1_071, 129, 1_200, 0)
    assert {chunk.state for chunk in ledger.chunks(JOB)} == {ChunkState.SCORED, ChunkState.REJECTED}


def test_of_chunks_settled_together_each_has_its_own_outcome(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 10) for first in (0, 10, 20, 30)))
    ledger.settle(scored(10, 10))
    ledger.begin_attempt(chunk_of(20, 10, attempt=2))
    ends = [scored(0, 10), scored(10, 10), ended(20, 10, ChunkState.REJECTED, attempt=1), scored(99, 1), scored(30, 10)]
    again = scored(0, 10)
    assert [str(each) for each in ledger.settle_all([*ends, again])] == [
        "settled", "already", "already", "already", "settled", "already",
    ]  # fmt: skip
    assert known(ledger.job(JOB)).rows_scored == 30
    assert known(ledger.chunk(JOB, RowRange(20, 10))).state is ChunkState.OPEN


def test_a_closed_job_refuses_chunks_settled_together_except_cancellations(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10), chunk_of(20, 10, attempt=0, tries=0))
    ledger.settle(scored(0, 10))
    ledger.close(JOB, JobState.CANCELLED, "enough")
    outcomes = ledger.settle_all([scored(0, 10), scored(10, 10)])
    assert outcomes == [SettleOutcome.ALREADY, SettleOutcome.REFUSED]
    opened = [Settlement.cancelled_of(chunk) for chunk in ledger.chunks(JOB) if chunk.state is ChunkState.OPEN]
    assert ledger.settle_all(opened) == [SettleOutcome.SETTLED] * 2
    job = known(ledger.job(JOB))
    assert (job.rows_cancelled, job.chunks_in_flight, job.chunks_waiting) == (20, 0, 0)


def test_chunks_of_two_kinds_are_not_settled_together(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    with pytest.raises(ValueError, match="one job"):
        ledger.settle_all([scored(0, 10), ended(10, 10, ChunkState.CANCELLED)])
    assert ledger.settle_all([]) == []
