"""Times, histories and the list of what needs attention, as every ledger keeps them."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.history import MAX_ENTRIES, HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tests.integration.core.ledgers.examples import JOB, NOW, chunk_of, ended, known, scored, started

ROWS = RowRange(0, 10)
FAILED = HistoryEntry(at=NOW + 1, what=HistoryEvent.FAILED, attempt=1, failure="server error (500)")
ANA = HistoryEntry(at=NOW + 2, what=HistoryEvent.REDRIVEN, attempt=2, who="arn:aws:iam::1:user/ana", note="fixed")
BEN = dataclasses.replace(ANA, what=HistoryEvent.REDRIVE_LATE, who="arn:aws:iam::1:user/ben")


def test_a_settled_chunk_keeps_its_times(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.confirm(chunk_of(0, 10, invoked_at=NOW + 1))
    end = dataclasses.replace(scored(0, 10), received_at=NOW + 1.5, completed_at=NOW + 2.5, settled_at=NOW + 3)
    assert ledger.settle(end) is SettleOutcome.SETTLED
    chunk = known(ledger.chunk(JOB, ROWS))
    times = (chunk.invoked_at, chunk.received_at, chunk.completed_at, chunk.settled_at)
    assert times == (NOW + 1, NOW + 1.5, NOW + 2.5, NOW + 3)


def test_every_change_adds_its_entry_in_order(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    parked = HistoryEntry(at=NOW + 2, what=HistoryEvent.PARKED, attempt=1, failure="access denied")
    rejected = HistoryEntry(at=NOW + 9, what=HistoryEvent.DISCARDED, attempt=2, who="ana", note="old shop")
    assert ledger.postpone(chunk_of(0, 10), FAILED)
    assert ledger.park(chunk_of(0, 10, parked_at=NOW + 2), parked)
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2), ANA)
    assert ledger.add_history(JOB, ROWS, BEN)
    end = dataclasses.replace(ended(0, 10, ChunkState.REJECTED), entry=rejected)
    assert ledger.settle(end) is SettleOutcome.SETTLED
    assert known(ledger.chunk(JOB, ROWS)).history == (FAILED, parked, ANA, BEN, rejected)


def test_a_change_that_is_refused_adds_no_entry(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert not ledger.postpone(chunk_of(0, 10, attempt=2), FAILED)
    assert not ledger.begin_attempt(chunk_of(0, 10, attempt=3), ANA)
    assert not ledger.park(chunk_of(0, 10, attempt=2, parked_at=NOW), FAILED)
    assert not ledger.add_history(JOB, RowRange(10, 10), FAILED)
    assert known(ledger.chunk(JOB, ROWS)).history == ()


def test_a_split_is_recorded_with_its_parent(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    parent = chunk_of(0, 10, reason="400", settled_at=NOW + 4)
    assert ledger.split(parent, chunk_of(0, 5), chunk_of(5, 5), entry=FAILED) is SettleOutcome.SETTLED
    chunk = known(ledger.chunk(JOB, ROWS))
    assert (chunk.history, chunk.settled_at) == ((FAILED,), NOW + 4)
    assert known(ledger.chunk(JOB, RowRange(0, 5))).history == ()


def test_a_history_is_bounded_and_keeps_its_beginning_and_its_end(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    entries = [dataclasses.replace(FAILED, at=NOW + number) for number in range(MAX_ENTRIES + 5)]
    for entry in entries:
        assert ledger.postpone(known(ledger.chunk(JOB, ROWS)), entry)
    assert known(ledger.chunk(JOB, ROWS)).history == (entries[0], *entries[-MAX_ENTRIES + 1 :])


def test_long_texts_of_an_entry_are_cut(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    long = dataclasses.replace(FAILED, failure="x" * 50_000, note="y" * 50_000, who="z" * 50_000)
    assert ledger.postpone(chunk_of(0, 10), long)
    (entry,) = known(ledger.chunk(JOB, ROWS)).history
    assert entry == HistoryEntry.from_text(long.to_text())
    assert len(long.to_text()) < 1_000


def test_an_early_end_names_who_asked_for_it(ledger: Ledger) -> None:
    started(ledger)
    entry = HistoryEntry(at=NOW, what=JobState.CANCELLED, who="arn:aws:iam::1:user/ana", note="wrong file")
    assert ledger.close(JOB, JobState.CANCELLED, "wrong file", entry)
    assert not ledger.close(JOB, JobState.FAILED, "again", FAILED)
    assert ledger.add_history(JOB, None, FAILED)
    assert known(ledger.job(JOB)).history == (entry, FAILED)


@pytest.mark.parametrize("left", ["redriven", "settled", "split"])
def test_what_needs_attention_is_listed_until_it_does_not(ledger: Ledger, left: str) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10), chunk_of(20, 10))
    assert ledger.attention(10) == []
    for row in (10, 0):
        assert ledger.park(chunk_of(row, 10, reason="why", parked_at=NOW + 50 - row))
    assert ledger.attention(10) == [DueItem(JOB, RowRange(10, 10), NOW + 40), DueItem(JOB, ROWS, NOW + 50)]
    assert ledger.attention(1) == [DueItem(JOB, RowRange(10, 10), NOW + 40)]
    if left == "redriven":
        assert ledger.begin_attempt(chunk_of(10, 10, attempt=2))
    elif left == "settled":
        assert ledger.settle(scored(10, 10)) is SettleOutcome.SETTLED
    else:
        assert ledger.split(chunk_of(10, 10), chunk_of(10, 5), chunk_of(15, 5)) is SettleOutcome.SETTLED
    assert ledger.attention(10) == [DueItem(JOB, ROWS, NOW + 50)]


def test_many_chunks_and_jobs_are_read_together(ledger: Ledger) -> None:
    chunks = [chunk_of(row, 1) for row in range(120)]
    started(ledger, *chunks)
    wanted = [(JOB, chunk.range) for chunk in chunks] + [(JOB, RowRange(500, 1)), ("other", ROWS)]
    assert sorted(ledger.chunks_of(wanted), key=lambda each: each.range) == chunks
    assert [job.job_id for job in ledger.jobs_of([JOB, "other"])] == [JOB]
