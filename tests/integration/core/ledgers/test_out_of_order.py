"""Chunks that are opened before those to their left, as those of a file's stripes are."""

from __future__ import annotations

import dataclasses

from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tests.integration.core.ledgers.examples import (
    JOB,
    NOW,
    chunk_of,
    due,
    in_window,
    known,
    new_job,
    scored,
    started,
    waiting,
)

WINDOW = 2


def opened(ledger: Ledger, *first_rows: int, going: int = 0, window: int = WINDOW) -> bool:
    """Open chunks of ten rows, the first ``going`` of them started."""
    chunks = [chunk_of(row, 10) if at < going else waiting(row) for at, row in enumerate(first_rows)]
    return ledger.open_out_of_order(known(ledger.job(JOB)), chunks, window)


def claimed(ledger: Ledger) -> list[int]:
    return [chunk.range.first_row for chunk in ledger.claim(known(ledger.job(JOB)), WINDOW, NOW)]


def test_chunks_are_opened_together_some_of_them_started(ledger: Ledger) -> None:
    started(ledger)
    assert opened(ledger, 40, 50, 60, going=2)
    assert in_window(ledger) == (2, 1)
    assert list(ledger.chunks(JOB)) == [
        chunk_of(40, 10),
        chunk_of(50, 10),
        dataclasses.replace(waiting(60), due_at=None),
    ]
    assert {DueItem(JOB, RowRange(40, 10), NOW + 300)} <= due(ledger, NOW + 300)


def test_what_was_opened_later_and_lies_before_is_claimed_first(ledger: Ledger) -> None:
    started(ledger)
    assert opened(ledger, 40, 50)
    assert claimed(ledger) == [40]
    assert opened(ledger, 10, 20)
    assert opened(ledger, 0)
    assert claimed(ledger) == [0]
    rows = []
    for row in (40, 0, 10, 20, 50):
        ledger.settle(scored(row, 10))
        rows += claimed(ledger)
    assert rows == [10, 20, 50]
    assert in_window(ledger) == (0, 0)


def test_a_claim_that_has_not_seen_them_does_not_pass_over_them(ledger: Ledger) -> None:
    started(ledger)
    assert opened(ledger, 10, 60)
    before = known(ledger.job(JOB))
    assert opened(ledger, 20)
    assert [chunk.range.first_row for chunk in ledger.claim(before, WINDOW, NOW)] == [10]
    assert claimed(ledger) == [20]


def test_who_read_the_job_before_others_moved_on_reads_it_again(ledger: Ledger) -> None:
    started(ledger)
    before = known(ledger.job(JOB))
    assert opened(ledger, 40, 50, window=0)
    assert ledger.open_out_of_order(before, [chunk_of(0, 10), chunk_of(10, 10)], WINDOW)
    assert not ledger.open_out_of_order(before, [chunk_of(20, 10)], WINDOW), "the window is full"
    assert opened(ledger, 20)
    assert in_window(ledger) == (2, 3)


def test_all_or_none_are_opened(ledger: Ledger) -> None:
    started(ledger)
    assert opened(ledger, 10)
    assert not opened(ledger, 0, 10)
    assert not opened(ledger, 0, 20, 30, going=3)
    assert [chunk.range.first_row for chunk in ledger.chunks(JOB)] == [10]
    assert in_window(ledger) == (0, 1)


def test_they_add_their_grants_to_the_budget(ledger: Ledger) -> None:
    started(ledger)
    chunks = [dataclasses.replace(waiting(row), split_grant=3) for row in (20, 30)]
    assert ledger.open_out_of_order(known(ledger.job(JOB)), chunks)
    assert known(ledger.job(JOB)).split_budget == 2 + 6


def test_a_job_that_is_sealed_closed_or_not_there_takes_none(ledger: Ledger) -> None:
    started(ledger)
    job = known(ledger.job(JOB))
    assert ledger.seal(JOB, 0)
    assert not ledger.open_out_of_order(job, [chunk_of(0, 10)])
    other = new_job("01HZX3T8Q5W6E7R8T9Y0ABCDEG")
    chunk = dataclasses.replace(chunk_of(0, 10), job_id=other.job_id)
    assert not ledger.open_out_of_order(other, [chunk])
    assert ledger.create_job(other, known(ledger.settings(JOB)))
    assert ledger.close(other.job_id, JobState.FAILED, "why")
    assert not ledger.open_out_of_order(other, [chunk])
    assert list(ledger.chunks(other.job_id)) == []


def test_their_children_wait_among_them(ledger: Ledger) -> None:
    started(ledger)
    assert opened(ledger, 40, 50, going=2)
    assert opened(ledger, 60)
    ledger.split(chunk_of(40, 10), chunk_of(40, 5), waiting(45, 5), window=WINDOW)
    assert opened(ledger, 0)
    rows = []
    for row, count in ((50, 10), (40, 5), (0, 10), (45, 5)):
        ledger.settle(scored(row, count))
        rows += claimed(ledger)
    assert rows == [0, 45, 60]
