"""Due items: failed checks are postponed, and no number of chunks hides a job."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import rules
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tests.integration.core.ledgers.examples import (
    JOB,
    NOW,
    SETTINGS,
    chunk_of,
    due,
    known,
    new_job,
    scored,
    started,
    waiting,
)

ROWS = RowRange(0, 10)
LATER = NOW + 1e6


def fail(ledger: Ledger, now: float) -> float:
    """Let the check of the one chunk fail; return its delay."""
    (item,) = (each for each in due(ledger, 1e12) if each.range == ROWS)
    assert ledger.postpone_failed(item, now)
    (item,) = (each for each in due(ledger, 1e12) if each.range == ROWS)
    return item.due_at - now


def test_a_chunk_whose_check_fails_is_checked_ever_more_seldom(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert [fail(ledger, NOW + each) for each in range(6)] == pytest.approx([0, 0, 600, 1_200, 1_200, 1_200])


def test_a_check_that_succeeds_makes_the_next_delay_short_again(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    delays = [fail(ledger, NOW + each) for each in range(3)]
    assert ledger.postpone(chunk_of(0, 10, due_at=NOW + 9))
    delays.append(fail(ledger, NOW))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    delays.append(fail(ledger, NOW))
    assert delays == pytest.approx([0, 0, 600, 0, 0])


def test_a_job_whose_check_fails_only_moves_behind_the_others(ledger: Ledger) -> None:
    started(ledger)
    item = DueItem(JOB, None, NOW + rules.FIRST_CHECK_S)
    assert ledger.postpone_failed(item, LATER)
    assert due(ledger, LATER) == {DueItem(JOB, None, LATER)}
    assert not ledger.postpone_failed(item, LATER + 1)


def test_only_what_is_still_due_then_is_postponed(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    (item,) = (each for each in due(ledger, LATER) if each.range == ROWS)
    ledger.settle(scored(0, 10))
    assert not ledger.postpone_failed(item, NOW)
    assert not ledger.postpone_failed(DueItem(JOB, RowRange(10, 10), NOW), NOW)
    assert not ledger.postpone_failed(DueItem(JOB, RowRange(90, 10), NOW), NOW)
    assert ledger.chunk(JOB, RowRange(90, 10)) is None
    assert known(ledger.chunk(JOB, ROWS)).due_at is None


def test_of_many_due_chunks_the_oldest_are_listed_and_the_job_is_always(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(row, 1, due_at=NOW + row) for row in range(40)))
    found = list(ledger.overdue(LATER, 2))
    assert DueItem(JOB, None, NOW + rules.FIRST_CHECK_S) in found
    chunks = [each for each in found if each.range is not None]
    assert len(chunks) <= 16
    assert NOW in {each.due_at for each in chunks}
    assert len({each for each in ledger.overdue(LATER, 40) if each.range is not None}) == 40


def test_no_number_of_due_chunks_hides_those_of_another_job(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(row, 1, due_at=NOW + row) for row in range(40)))
    other = new_job(JOB[:-1] + "G")
    ledger.create_job(other, SETTINGS)
    for row in range(8):
        ledger.open_chunk(dataclasses.replace(chunk_of(row, 1, due_at=NOW + 900), job_id=other.job_id))
    found = [each for each in ledger.overdue(LATER, 8) if each.range is not None]
    assert {each.range for each in found if each.job_id == other.job_id} == {RowRange(row, 1) for row in range(8)}
