"""Chunks that wait for room in their job's window."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome
from tests.integration.core.ledgers.examples import (
    JOB,
    NOW,
    chunk_of,
    due,
    ended,
    in_window,
    known,
    scored,
    started,
    waiting,
)


def test_a_chunk_that_waits_is_not_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    assert ledger.chunk(JOB, RowRange(10, 10)) == dataclasses.replace(waiting(10), due_at=None)
    assert {each.range for each in due(ledger, NOW + 1e6)} == {None, RowRange(0, 10)}
    assert in_window(ledger) == (1, 1)


def test_nothing_is_claimed_while_the_window_is_full(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    assert ledger.claim(known(ledger.job(JOB)), 1, NOW) == []
    assert in_window(ledger) == (1, 1)


def test_what_waits_is_claimed_in_the_order_of_rows_as_others_come_to_their_end(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 10) for first in (0, 10)), *(waiting(first) for first in (20, 30, 40)))
    ledger.settle(scored(10, 10))
    first = chunk_of(20, 10, due_at=NOW + 7)
    assert ledger.claim(known(ledger.job(JOB)), 2, NOW + 7) == [first]
    assert ledger.chunk(JOB, RowRange(20, 10)) == first
    assert DueItem(JOB, RowRange(20, 10), NOW + 7) in due(ledger, NOW + 7)
    assert in_window(ledger) == (2, 2)
    ledger.settle(scored(0, 10))
    ledger.settle(scored(20, 10))
    assert ledger.claim(known(ledger.job(JOB)), 2, NOW) == [chunk_of(30, 10, due_at=NOW)]
    assert ledger.claim(known(ledger.job(JOB)), 2, NOW) == [chunk_of(40, 10, due_at=NOW)]
    assert in_window(ledger) == (2, 0)


def test_some_are_claimed_together_where_the_window_is_wide(ledger: Ledger) -> None:
    started(ledger, *(waiting(first * 10) for first in range(25)))
    job = known(ledger.job(JOB))
    assert [len(ledger.claim(known(ledger.job(JOB)), 200, NOW)) for _ in range(4)] == [10, 10, 5, 0]
    assert ledger.claim(job, 200, NOW) == []
    assert all(chunk.attempt == 1 for chunk in ledger.chunks(JOB))


def test_chunks_rejected_before_sending_are_passed_over(ledger: Ledger) -> None:
    started(ledger, waiting(0))
    for first_row in range(10, 300, 10):
        ledger.add_rejected(chunk_of(first_row, 10))
    assert ledger.open_chunk(waiting(300)) is OpenOutcome.OPENED
    assert [chunk.range.first_row for chunk in ledger.claim(known(ledger.job(JOB)), 16, NOW)] == [0, 300]


def test_who_read_the_job_before_others_claimed_claims_the_next_ones(ledger: Ledger) -> None:
    started(ledger, waiting(0), waiting(10))
    before = known(ledger.job(JOB))
    assert [chunk.range.first_row for chunk in ledger.claim(before, 2, NOW)] == [0]
    assert [chunk.range.first_row for chunk in ledger.claim(before, 2, NOW)] == [10]
    assert ledger.claim(before, 2, NOW) == []


def test_the_children_of_a_split_count_in_the_window(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6))
    assert in_window(ledger) == (2, 1)
    ledger.settle(scored(0, 4))
    assert ledger.claim(known(ledger.job(JOB)), 1, NOW) == []
    ledger.settle(scored(4, 6))
    assert len(ledger.claim(known(ledger.job(JOB)), 1, NOW)) == 1


def test_a_right_child_that_waits_is_claimed_before_the_ranges_behind_it(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10), waiting(20))
    assert ledger.split(chunk_of(10, 10), chunk_of(10, 4), waiting(14, 6), window=2) is SettleOutcome.SETTLED
    assert ledger.chunk(JOB, RowRange(14, 6)) == dataclasses.replace(waiting(14, 6), due_at=None)
    assert in_window(ledger) == (2, 2)
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), waiting(4, 6), window=2) is SettleOutcome.SETTLED
    for end in (scored(0, 4), scored(10, 4)):
        ledger.settle(end)
    claims = [ledger.claim(known(ledger.job(JOB)), 3, NOW) for _ in range(3)]
    assert [chunk.range.first_row for chunks in claims for chunk in chunks] == [4, 14, 20]


def test_a_right_child_behind_others_that_wait_leaves_them_first(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10), budget=9)
    for parent, child in ((chunk_of(0, 10), waiting(4, 6)), (chunk_of(0, 4), waiting(2, 2))):
        left = chunk_of(0, child.range.first_row)
        assert ledger.split(parent, left, child, window=1) is SettleOutcome.SETTLED
    ledger.settle(scored(0, 2))
    assert [chunk.range.first_row for chunk in ledger.claim(known(ledger.job(JOB)), 1, NOW)] == [2]
    assert ledger.split(chunk_of(2, 2), chunk_of(2, 1), waiting(3, 1), window=1) is SettleOutcome.SETTLED
    ledger.settle(scored(2, 1))
    assert [chunk.range.first_row for chunk in ledger.claim(known(ledger.job(JOB)), 1, NOW)] == [3]


def test_a_claim_that_has_not_seen_a_new_child_does_not_pass_over_it(ledger: Ledger) -> None:
    started(ledger, waiting(0), waiting(10), waiting(20), budget=9)
    ledger.claim(known(ledger.job(JOB)), 8, NOW)
    before = known(ledger.job(JOB))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), waiting(4, 6), window=1) is SettleOutcome.SETTLED
    claimed = [ledger.claim(each, 8, NOW) for each in (before, before, before)]
    assert [chunk.range.first_row for chunks in claimed for chunk in chunks] == [4, 10, 20]


def test_a_right_child_that_does_not_wait_needs_room(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6), window=2) is SettleOutcome.NO_ROOM
    assert in_window(ledger) == (2, 0)
    assert known(ledger.job(JOB)).split_budget == 2
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6), window=3) is SettleOutcome.SETTLED
    assert in_window(ledger) == (3, 0)


def test_rows_scored_while_a_child_waited_show_nothing(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(20, 10))
    child = dataclasses.replace(waiting(4, 6), scored_before=0)
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), child, window=1) is SettleOutcome.SETTLED
    ledger.settle(scored(20, 10))
    (claimed,) = ledger.claim(known(ledger.job(JOB)), 5, NOW)
    assert claimed.scored_before == 10
    assert known(ledger.chunk(JOB, claimed.range)).scored_before == 10


def test_a_chunk_that_waits_takes_no_attempt_no_answer_and_no_split(ledger: Ledger) -> None:
    started(ledger, waiting(0))
    with pytest.raises(ValueError, match="follows none"):
        ledger.begin_attempt(chunk_of(0, 10))
    with pytest.raises(ValueError, match="waits"):
        ledger.split(waiting(0), chunk_of(0, 4), chunk_of(4, 6))
    with pytest.raises(ValueError, match="waits"):
        ledger.split(chunk_of(0, 10), waiting(0, 4), chunk_of(4, 6))
    assert not ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    parked = dataclasses.replace(waiting(0), parked_at=NOW)
    assert not any((ledger.confirm(waiting(0)), ledger.postpone(waiting(0)), ledger.park(parked)))
    assert not ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.settle(scored(0, 10)) is SettleOutcome.ALREADY
    assert known(ledger.chunk(JOB, RowRange(0, 10))).waiting
    assert in_window(ledger) == (0, 1)


def test_a_closed_job_starts_nothing_and_what_waits_is_cancelled_as_such(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    job = known(ledger.job(JOB))
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.claim(job, 9, NOW) == []
    assert ledger.settle(ended(10, 10, ChunkState.CANCELLED)) is SettleOutcome.ALREADY
    for chunk in list(ledger.chunks(JOB)):
        assert ledger.settle(Settlement.cancelled_of(chunk)) is SettleOutcome.SETTLED
    assert in_window(ledger) == (0, 0)
