"""Chunks are added once, retried, postponed and parked."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.model import ChunkState, JobState, QueuedRetry
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import rules
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import OpenOutcome, SettleOutcome
from tests.integration.core.ledgers.examples import JOB, NOW, SETTINGS, chunk_of, due, known, new_job, scored, started


def test_a_chunk_reads_back_as_it_was_written(ledger: Ledger) -> None:
    chunk = chunk_of(0, 10, rejected=2, input_checksum="crc32:0000abcd", reason="two ragged rows")
    started(ledger, chunk)
    assert ledger.chunk(JOB, chunk.range) == chunk


def test_a_chunk_is_added_once(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.open_chunk(chunk_of(0, 10, attempt=7)) is OpenOutcome.EXISTS
    assert known(ledger.chunk(JOB, RowRange(0, 10))).attempt == 1


def test_no_chunk_is_added_to_a_job_that_is_not_there_sealed_or_closed(ledger: Ledger) -> None:
    assert ledger.open_chunk(chunk_of(0, 10)) is OpenOutcome.CLOSED
    assert ledger.chunk(JOB, RowRange(0, 10)) is None
    started(ledger, chunk_of(0, 10))
    ledger.seal(JOB, 10)
    assert ledger.open_chunk(chunk_of(10, 10)) is OpenOutcome.CLOSED
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.open_chunk(chunk_of(10, 10)) is OpenOutcome.CLOSED
    assert ledger.add_rejected(chunk_of(10, 10)) is OpenOutcome.CLOSED


def test_a_chunk_says_when_it_is_due(ledger: Ledger) -> None:
    started(ledger)
    with pytest.raises(ValueError, match="due"):
        ledger.open_chunk(chunk_of(0, 10, due_at=None))


def test_rejected_chunks_count_once(ledger: Ledger) -> None:
    started(ledger)
    assert ledger.add_rejected(chunk_of(0, 10, reason="all ragged", part_bytes=20)) is OpenOutcome.OPENED
    assert ledger.add_rejected(chunk_of(0, 10)) is OpenOutcome.EXISTS
    assert known(ledger.job(JOB)).rows_rejected == 10
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.state, chunk.rejected, chunk.due_at, chunk.part_bytes) == (ChunkState.REJECTED, 10, None, 20)


def test_a_range_that_nobody_submitted_is_cancelled_only_while_the_job_closes(ledger: Ledger) -> None:
    started(ledger, chunk_of(10, 10))
    assert ledger.add_cancelled(chunk_of(0, 10)) is OpenOutcome.CLOSED
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.add_cancelled(chunk_of(0, 10)) is OpenOutcome.OPENED
    assert ledger.add_cancelled(chunk_of(0, 10)) is OpenOutcome.EXISTS
    assert known(ledger.job(JOB)).rows_cancelled == 10


def test_chunks_are_those_of_the_job_by_their_first_row(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 5) for first in (100, 5, 1_000_000, 0)))
    assert [chunk.range.first_row for chunk in ledger.chunks(JOB)] == [0, 5, 100, 1_000_000]
    assert list(ledger.chunks(JOB[:-1] + "G")) == []


def test_confirming_records_where_the_answer_will_be(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    confirmed = chunk_of(0, 10, output_location="s3://b/o", failure_location="s3://b/f", due_at=NOW + 600)
    assert ledger.confirm(confirmed)
    assert ledger.chunk(JOB, RowRange(0, 10)) == dataclasses.replace(confirmed, invoked=True)


def test_confirmed_together_each_attempt_has_its_own_outcome(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 10) for first in range(0, 550, 10)))
    assert ledger.begin_attempt(chunk_of(10, 10, attempt=2))
    assert ledger.park(chunk_of(20, 10, parked_at=NOW))
    assert ledger.settle(scored(30, 10)) is SettleOutcome.SETTLED
    ledger.postpone(chunk_of(40, 10, retry=QueuedRetry(NOW + 12.5, 2), due_at=NOW + 900))
    firsts = [*range(0, 550, 10), 2_000]
    answers = [chunk_of(first, 10, output_location=f"s3://b/{first}", due_at=NOW + 600) for first in firsts]
    assert ledger.confirm_all(answers) == [first not in {10, 30, 2_000} for first in firsts]
    found = {chunk.range.first_row: chunk for chunk in ledger.chunks(JOB)}
    assert {first for first, chunk in found.items() if chunk.invoked} == {*firsts} - {10, 30, 2_000}
    assert {first for first, chunk in found.items() if chunk.due_at != NOW + 600} == {10, 20, 30, 40}
    assert [chunk.output_location for chunk in found.values() if chunk.invoked] == [
        f"s3://b/{first}" for first in firsts if first not in {10, 30, 2_000}
    ]


def test_nothing_is_confirmed_or_marked_of_nothing(ledger: Ledger) -> None:
    assert (ledger.confirm_all([]), ledger.mark_all_answered([]), ledger.chunks_with_jobs([])) == ([], [], [])


def test_chunks_are_read_with_their_jobs(ledger: Ledger) -> None:
    other = JOB[:-1] + "G"
    started(ledger, *(chunk_of(first, 10) for first in range(0, 550, 10)))
    ledger.create_job(new_job(other), SETTINGS)
    ledger.open_chunk(dataclasses.replace(chunk_of(0, 10), job_id=other))
    wanted = [(JOB, RowRange(first, 10)) for first in range(540, -10, -10)]
    wanted += [(JOB, RowRange(0, 9)), (other, RowRange(0, 10)), (JOB[:-1] + "H", RowRange(0, 10)), wanted[0]]
    found = ledger.chunks_with_jobs(wanted)
    assert [None if each is None else (each[0].job_id, each[0].range) for each in found] == [
        each if each[1] != RowRange(0, 9) and each[0] != JOB[:-1] + "H" else None for each in wanted
    ]
    assert found[-3] == (ledger.chunk(other, RowRange(0, 10)), ledger.job(other))


@pytest.mark.parametrize("location", [None, ""])
def test_an_answer_may_name_no_locations(ledger: Ledger, location: str | None) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.confirm(chunk_of(0, 10, output_location=location, failure_location=location))
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert chunk.invoked
    assert chunk.output_location is None


def test_the_next_attempt_begins_once_and_forgets_the_last(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.confirm(chunk_of(0, 10, output_location="s3://b/o", failure_location="s3://b/f"))
    second = chunk_of(0, 10, attempt=2, tries=2, due_at=NOW + 900, reason="500")
    assert ledger.begin_attempt(second)
    assert not ledger.begin_attempt(second)
    assert not ledger.begin_attempt(chunk_of(0, 10, attempt=4))
    assert ledger.chunk(JOB, RowRange(0, 10)) == second


def test_an_earlier_attempt_cannot_confirm_postpone_or_park(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    before = ledger.chunk(JOB, RowRange(0, 10))
    first = chunk_of(0, 10, reason="late")
    assert not ledger.confirm(first)
    assert not ledger.postpone(first)
    assert not ledger.park(dataclasses.replace(first, parked_at=NOW))
    assert ledger.chunk(JOB, RowRange(0, 10)) == before
    assert known(ledger.job(JOB)).times_parked == 0


def test_postponing_moves_when_it_is_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.postpone(chunk_of(0, 10, due_at=NOW + 5_000, reason="looked"))
    assert DueItem(JOB, RowRange(0, 10), NOW + 5_000) in due(ledger, NOW + 5_000)
    assert DueItem(JOB, RowRange(0, 10), NOW + 5_000) not in due(ledger, NOW + 4_999)
    assert known(ledger.chunk(JOB, RowRange(0, 10))).reason == "looked"


def test_a_parked_chunk_is_parked_once_and_not_due_until_a_person_redrives_it(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.park(chunk_of(0, 10, reason="input missing", parked_at=NOW))
    assert not ledger.park(chunk_of(0, 10, parked_at=NOW))
    assert not ledger.postpone(chunk_of(0, 10))
    assert known(ledger.job(JOB)).times_parked == 1
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.parked, chunk.due_at, chunk.reason) == (True, None, "input missing")
    assert all(each.range is None for each in due(ledger, NOW + 1e6))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2, redrives=1))
    assert ledger.chunk(JOB, RowRange(0, 10)) == chunk_of(0, 10, attempt=2, redrives=1, parked_at=NOW)
    assert DueItem(JOB, RowRange(0, 10), NOW + 300) in due(ledger, NOW + 1e6)


def test_a_confirmation_that_comes_after_the_parking_does_not_make_it_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.park(chunk_of(0, 10, reason="access denied", parked_at=NOW))
    assert ledger.confirm(chunk_of(0, 10, output_location="s3://b/o", due_at=NOW + 10))
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.output_location, chunk.due_at, chunk.parked) == ("s3://b/o", None, True)
    assert all(each.range is None for each in due(ledger, NOW + 1e6))


def test_long_reasons_are_cut_where_they_are_kept(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.postpone(chunk_of(0, 10, reason="x" * 500_000))
    assert len(known(known(ledger.chunk(JOB, RowRange(0, 10))).reason)) == rules.REASON_CHARS
