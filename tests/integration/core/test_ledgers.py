"""One suite over the ledger in memory and the one in DynamoDB: neither may drift from the port's promises."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import boto3
import pytest
from moto import mock_aws

from tailrace_core.errors import InputError
from tailrace_core.jobs import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.ledger import rules
from tailrace_core.ledger.bound import DynamoLedger
from tailrace_core.ledger.dynamo import DynamoSteps
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.port import Due, JobKey, Ledger
from tailrace_core.ledger.rules import Opened, Settled, Settlement
from tailrace_core.ranges import RowRange
from tailrace_core.retrying import retrying

from . import tables

T = TypeVar("T")

JOB = "01HZX3T8Q5W6E7R8T9Y0ABCDEF"
NOW = 1_700_000_000.25
SETTINGS = JobSettings(endpoint_name="demand", source_columns=("id", "größe"), sent_columns=(1,), kept_columns=(0,))


@pytest.fixture(params=["memory", "dynamo"])
def ledger(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(os.environ, name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        tables.create(client)
        yield DynamoLedger(DynamoSteps(tables.NAME), retrying(tables.executor(client)))


def new_job(job_id: str = JOB, *, created_at: float = NOW, budget: int = 2) -> Job:
    return Job(
        job_id=job_id,
        state=JobState.SUBMITTING,
        created_at=created_at,
        deadline_at=created_at + 86_400,
        split_budget=budget,
    )


def chunk_of(first_row: int, rows: int, **known: object) -> Chunk:
    return dataclasses.replace(Chunk(job_id=JOB, range=RowRange(first_row, rows), due_at=NOW + 300), **known)  # type: ignore[arg-type] # of one's own dataclass


def scored(first_row: int, rows: int, *, rejected: int = 0, attempt: int | None = None) -> Settlement:
    return Settlement(
        job_id=JOB,
        range=RowRange(first_row, rows),
        state=ChunkState.SCORED,
        rejected=rejected,
        attempt=attempt,
        part_checksum="crc32:00000001",
        part_bytes=10,
    )


def ended(first_row: int, rows: int, state: ChunkState, *, attempt: int | None = None) -> Settlement:
    rejected = rows if state is ChunkState.REJECTED else 0
    return Settlement(
        job_id=JOB, range=RowRange(first_row, rows), state=state, rejected=rejected, attempt=attempt, reason="why"
    )


def started(ledger: Ledger, *chunks: Chunk, budget: int = 2) -> None:
    assert ledger.create_job(new_job(budget=budget), SETTINGS)
    for chunk in chunks:
        assert ledger.open_chunk(chunk) is Opened.OPENED


def known(value: T | None) -> T:
    assert value is not None
    return value


def due(ledger: Ledger, before: float) -> set[Due]:
    return set(ledger.overdue(before, 100))


# -- jobs


def test_a_job_reads_back_as_it_was_written(ledger: Ledger) -> None:
    assert ledger.create_job(new_job(), SETTINGS)
    assert ledger.job(JOB) == new_job()
    assert ledger.settings(JOB) == SETTINGS


def test_what_is_not_there_is_none(ledger: Ledger) -> None:
    assert ledger.job(JOB) is None
    assert ledger.settings(JOB) is None
    assert ledger.chunk(JOB, RowRange(0, 1)) is None
    assert ledger.find_key("k") is None
    assert list(ledger.chunks(JOB)) == []
    assert ledger.jobs(5) == []


def test_a_job_is_created_once(ledger: Ledger) -> None:
    assert ledger.create_job(new_job(), SETTINGS)
    assert not ledger.create_job(new_job(budget=9), SETTINGS)
    assert known(ledger.job(JOB)).split_budget == 2


def test_a_key_stands_for_the_first_job_that_took_it(ledger: Ledger) -> None:
    other = JOB[:-1] + "G"
    assert ledger.create_job(new_job(), SETTINGS, JobKey("daily/1", "abc"))
    assert not ledger.create_job(new_job(other), SETTINGS, JobKey("daily/1", "abd"))
    assert ledger.find_key("daily/1") == (JOB, "abc")
    assert ledger.job(other) is None


def test_jobs_lists_the_newest_first(ledger: Ledger) -> None:
    ids = [f"{JOB[:-1]}{letter}" for letter in "ABC"]
    for index, job_id in enumerate(ids):
        assert ledger.create_job(new_job(job_id, created_at=NOW + index * 10.5), SETTINGS)
    assert [job.job_id for job in ledger.jobs(2)] == [ids[2], ids[1]]


# -- adding chunks


def test_a_chunk_reads_back_as_it_was_written(ledger: Ledger) -> None:
    chunk = chunk_of(0, 10, rejected=2, input_checksum="crc32:0000abcd", reason="two ragged rows")
    started(ledger, chunk)
    assert ledger.chunk(JOB, chunk.range) == chunk


def test_a_chunk_is_added_once(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.open_chunk(chunk_of(0, 10, attempt=7)) is Opened.EXISTS
    assert known(ledger.chunk(JOB, RowRange(0, 10))).attempt == 1


def test_no_chunk_is_added_to_a_job_that_is_not_there_sealed_or_closed(ledger: Ledger) -> None:
    assert ledger.open_chunk(chunk_of(0, 10)) is Opened.CLOSED
    assert ledger.chunk(JOB, RowRange(0, 10)) is None
    started(ledger, chunk_of(0, 10))
    ledger.seal(JOB, 10)
    assert ledger.open_chunk(chunk_of(10, 10)) is Opened.CLOSED
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.open_chunk(chunk_of(10, 10)) is Opened.CLOSED
    assert ledger.add_rejected(chunk_of(10, 10)) is Opened.CLOSED


def test_a_chunk_says_when_it_is_due(ledger: Ledger) -> None:
    started(ledger)
    with pytest.raises(ValueError, match="due"):
        ledger.open_chunk(chunk_of(0, 10, due_at=None))


def test_rejected_chunks_count_once(ledger: Ledger) -> None:
    started(ledger)
    assert ledger.add_rejected(chunk_of(0, 10, reason="all ragged", part_bytes=20)) is Opened.OPENED
    assert ledger.add_rejected(chunk_of(0, 10)) is Opened.EXISTS
    assert known(ledger.job(JOB)).rows_rejected == 10
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.state, chunk.rejected, chunk.due_at, chunk.part_bytes) == (ChunkState.REJECTED, 10, None, 20)


def test_a_range_that_nobody_submitted_is_cancelled_only_while_the_job_closes(ledger: Ledger) -> None:
    started(ledger, chunk_of(10, 10))
    assert ledger.add_cancelled(chunk_of(0, 10)) is Opened.CLOSED
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.add_cancelled(chunk_of(0, 10)) is Opened.OPENED
    assert ledger.add_cancelled(chunk_of(0, 10)) is Opened.EXISTS
    assert known(ledger.job(JOB)).rows_cancelled == 10


def test_chunks_are_those_of_the_job_by_their_first_row(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(first, 5) for first in (100, 5, 1_000_000, 0)))
    assert [chunk.range.first_row for chunk in ledger.chunks(JOB)] == [0, 5, 100, 1_000_000]
    assert list(ledger.chunks(JOB[:-1] + "G")) == []


# -- attempts


def test_confirming_records_where_the_answer_will_be(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    confirmed = chunk_of(0, 10, output_location="s3://b/o", failure_location="s3://b/f", due_at=NOW + 600)
    assert ledger.confirm(confirmed)
    assert ledger.chunk(JOB, RowRange(0, 10)) == dataclasses.replace(confirmed, invoked=True)


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
    assert not ledger.park(first)
    assert ledger.chunk(JOB, RowRange(0, 10)) == before
    assert known(ledger.job(JOB)).times_parked == 0


def test_postponing_moves_when_it_is_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.postpone(chunk_of(0, 10, due_at=NOW + 5_000, reason="looked"))
    assert Due(JOB, RowRange(0, 10), NOW + 5_000) in due(ledger, NOW + 5_000)
    assert Due(JOB, RowRange(0, 10), NOW + 5_000) not in due(ledger, NOW + 4_999)
    assert known(ledger.chunk(JOB, RowRange(0, 10))).reason == "looked"


def test_a_parked_chunk_is_parked_once_and_not_due_until_a_person_redrives_it(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.park(chunk_of(0, 10, reason="input missing"))
    assert not ledger.park(chunk_of(0, 10))
    assert not ledger.postpone(chunk_of(0, 10))
    assert known(ledger.job(JOB)).times_parked == 1
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.parked, chunk.due_at, chunk.reason) == (True, None, "input missing")
    assert all(each.range is None for each in due(ledger, NOW + 1e6))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2, redrives=1))
    assert ledger.chunk(JOB, RowRange(0, 10)) == chunk_of(0, 10, attempt=2, redrives=1)
    assert Due(JOB, RowRange(0, 10), NOW + 300) in due(ledger, NOW + 1e6)


def test_a_confirmation_that_comes_after_the_parking_does_not_make_it_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.park(chunk_of(0, 10, reason="access denied"))
    assert ledger.confirm(chunk_of(0, 10, output_location="s3://b/o", due_at=NOW + 10))
    chunk = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (chunk.output_location, chunk.due_at, chunk.parked) == ("s3://b/o", None, True)
    assert all(each.range is None for each in due(ledger, NOW + 1e6))


def test_long_reasons_are_cut_where_they_are_kept(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.postpone(chunk_of(0, 10, reason="x" * 500_000))
    assert len(known(known(ledger.chunk(JOB, RowRange(0, 10))).reason)) == rules.REASON_CHARS


# -- waiting


def waiting(first_row: int, rows: int = 10) -> Chunk:
    return chunk_of(first_row, rows, attempt=0, tries=0)


def in_window(ledger: Ledger) -> tuple[int, int]:
    job = known(ledger.job(JOB))
    return job.chunks_in_flight, job.chunks_waiting


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
    assert Due(JOB, RowRange(20, 10), NOW + 7) in due(ledger, NOW + 7)
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
    assert ledger.open_chunk(waiting(300)) is Opened.OPENED
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


def test_a_chunk_that_waits_takes_no_attempt_no_answer_and_no_split(ledger: Ledger) -> None:
    started(ledger, waiting(0))
    with pytest.raises(ValueError, match="follows none"):
        ledger.begin_attempt(chunk_of(0, 10))
    with pytest.raises(ValueError, match="waits"):
        ledger.split(waiting(0), chunk_of(0, 4), chunk_of(4, 6))
    assert not ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    assert not any((ledger.confirm(waiting(0)), ledger.postpone(waiting(0)), ledger.park(waiting(0))))
    assert not ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.settle(scored(0, 10)) is Settled.ALREADY
    assert known(ledger.chunk(JOB, RowRange(0, 10))).waiting
    assert in_window(ledger) == (0, 1)


def test_a_closed_job_starts_nothing_and_what_waits_is_cancelled_as_such(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), waiting(10))
    job = known(ledger.job(JOB))
    ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.claim(job, 9, NOW) == []
    assert ledger.settle(ended(10, 10, ChunkState.CANCELLED)) is Settled.ALREADY
    for chunk in list(ledger.chunks(JOB)):
        assert ledger.settle(Settlement.cancelled_of(chunk)) is Settled.SETTLED
    assert in_window(ledger) == (0, 0)


# -- settling


def test_settling_moves_the_chunk_and_the_counters(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(scored(0, 10, rejected=3)) is Settled.SETTLED
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
    assert ledger.settle(ended(0, 10, again)) is Settled.ALREADY
    assert (ledger.job(JOB), ledger.chunk(JOB, RowRange(0, 10))) == before


def test_a_success_of_any_attempt_settles_and_a_failure_only_of_the_current_one(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    for first_row in (0, 10):
        assert ledger.begin_attempt(chunk_of(first_row, 10, attempt=2))
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED, attempt=1)) is Settled.ALREADY
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED, attempt=2)) is Settled.SETTLED
    assert ledger.settle(scored(10, 10)) is Settled.SETTLED


def test_an_unknown_chunk_settles_nothing(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(scored(0, 9)) is Settled.ALREADY
    assert ledger.chunk(JOB, RowRange(0, 9)) is None
    assert known(ledger.job(JOB)).rows_settled == 0


def test_a_closed_job_refuses_results_and_takes_cancellations(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is Settled.REFUSED
    assert ledger.close(JOB, JobState.CANCELLED, "enough")
    assert ledger.settle(scored(0, 10)) is Settled.REFUSED
    assert ledger.settle(ended(0, 10, ChunkState.REJECTED)) is Settled.REFUSED
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is Settled.SETTLED
    assert known(ledger.job(JOB)).rows_cancelled == 10


def test_no_chunk_is_cancelled_while_its_job_runs(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.seal(JOB, 10)
    assert ledger.settle(ended(0, 10, ChunkState.CANCELLED)) is Settled.REFUSED
    assert known(ledger.job(JOB)).rows_cancelled == 0


# -- splitting


def test_splitting_replaces_the_chunk_by_two_and_spends_the_budget(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    left, right = chunk_of(0, 4, rejected=1), chunk_of(4, 6)
    assert ledger.split(chunk_of(0, 10, reason="400"), left, right) is Settled.SETTLED
    parent = known(ledger.chunk(JOB, RowRange(0, 10)))
    assert (parent.state, parent.reason, parent.due_at) == (ChunkState.SPLIT, "400", None)
    assert ledger.chunk(JOB, left.range) == left
    assert ledger.chunk(JOB, right.range) == right
    assert known(ledger.job(JOB)).split_budget == 1
    assert {each.range for each in due(ledger, NOW + 300) if each.range} == {left.range, right.range}


def test_a_chunk_splits_once_and_only_at_its_current_attempt(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.split(chunk_of(0, 10, attempt=2), chunk_of(0, 4), chunk_of(4, 6)) is Settled.ALREADY
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is Settled.SETTLED
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 5), chunk_of(5, 5)) is Settled.ALREADY
    assert ledger.settle(scored(0, 10)) is Settled.ALREADY
    assert known(ledger.job(JOB)).split_budget == 1


def test_an_answered_chunk_is_not_split_whatever_attempt_is_current(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.mark_answered(JOB, RowRange(0, 10))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2))
    assert known(ledger.chunk(JOB, RowRange(0, 10))).answered
    assert ledger.split(chunk_of(0, 10, attempt=2), chunk_of(0, 4), chunk_of(4, 6)) is Settled.ALREADY
    assert ledger.settle(scored(0, 10)) is Settled.SETTLED


def test_only_an_open_chunk_can_be_answered(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert not ledger.mark_answered(JOB, RowRange(0, 9))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is Settled.SETTLED
    assert not ledger.mark_answered(JOB, RowRange(0, 10))
    assert not known(ledger.chunk(JOB, RowRange(0, 10))).answered


def test_no_chunk_splits_without_budget_or_in_a_closed_job(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), budget=0)
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is Settled.NO_BUDGET
    assert known(ledger.chunk(JOB, RowRange(0, 10))).state is ChunkState.OPEN
    ledger.close(JOB, JobState.FAILED, "too many")
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is Settled.REFUSED
    assert ledger.chunk(JOB, RowRange(0, 4)) is None


def test_a_child_that_is_there_already_is_not_overwritten(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(0, 4, attempt=5))
    assert ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(4, 6)) is Settled.REFUSED
    assert known(ledger.chunk(JOB, RowRange(0, 4))).attempt == 5
    assert known(ledger.job(JOB)).split_budget == 2


def test_children_that_do_not_tile_their_parent_are_a_mistake(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    with pytest.raises(ValueError, match="tile"):
        ledger.split(chunk_of(0, 10), chunk_of(0, 4), chunk_of(5, 5))


# -- ending


def test_sealing_is_idempotent_and_takes_no_other_total(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert not ledger.seal(JOB[:-1] + "G", 10)
    assert ledger.seal(JOB, 10)
    assert ledger.seal(JOB, 10)
    assert not ledger.seal(JOB, 11)
    job = known(ledger.job(JOB))
    assert (job.rows_total, job.state) == (10, JobState.RUNNING)


def test_a_total_below_what_is_settled_seals_nothing(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.settle(scored(0, 10))
    assert not ledger.seal(JOB, 9)
    assert known(ledger.job(JOB)).rows_total is None


def test_a_closing_job_is_sealed_and_stays_closing(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.close(JOB, JobState.EXPIRED, "late")
    assert ledger.seal(JOB, 10)
    job = known(ledger.job(JOB))
    assert (job.state, job.outcome, job.reason, job.rows_total) == (JobState.CLOSING, JobState.EXPIRED, "late", 10)


def test_a_job_closes_once_and_only_for_an_early_end(ledger: Ledger) -> None:
    assert not ledger.close(JOB, JobState.CANCELLED, "not there")
    started(ledger)
    with pytest.raises(ValueError, match="early"):
        ledger.close(JOB, JobState.COMPLETED, "done")
    assert ledger.close(JOB, JobState.FAILED, "first")
    assert not ledger.close(JOB, JobState.CANCELLED, "second")
    assert known(ledger.job(JOB)).reason == "first"


def test_finishing_needs_every_row_settled_and_a_sealed_job(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    ledger.settle(scored(0, 10))
    assert ledger.start_finishing(JOB, NOW) is None
    ledger.seal(JOB, 20)
    assert ledger.start_finishing(JOB, NOW) is None
    ledger.settle(scored(10, 10))
    finishing = known(ledger.start_finishing(JOB, NOW))
    assert (finishing.state, finishing.finishing_at) == (JobState.FINISHING, NOW)
    assert ledger.start_finishing(JOB, NOW) is None
    assert not ledger.close(JOB, JobState.CANCELLED, "too late")


def test_a_job_finishes_once_and_is_not_due_any_more(ledger: Ledger) -> None:
    started(ledger)
    assert not ledger.finish(JOB)
    assert ledger.seal(JOB, 0)
    ledger.start_finishing(JOB, NOW)
    assert due(ledger, NOW + rules.FINISHING_LEASE_S) == {Due(JOB, None, NOW + rules.FINISHING_LEASE_S)}
    assert ledger.finish(JOB)
    assert not ledger.finish(JOB)
    assert known(ledger.job(JOB)).state is JobState.COMPLETED
    assert due(ledger, NOW + 1e9) == set()
    assert not ledger.postpone_job(JOB, NOW)


def test_an_early_end_is_what_the_job_finishes_as(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.close(JOB, JobState.EXPIRED, "late")
    ledger.settle(ended(0, 10, ChunkState.CANCELLED))
    ledger.seal(JOB, 10)
    assert ledger.start_finishing(JOB, NOW) is not None
    assert ledger.finish(JOB)
    assert known(ledger.job(JOB)).state is JobState.EXPIRED


def test_jobs_are_due_minutes_after_their_creation_and_then_when_they_were_postponed_to(ledger: Ledger) -> None:
    started(ledger)
    first = NOW + rules.FIRST_LOOK_S
    assert due(ledger, first) == {Due(JOB, None, first)}
    assert ledger.postpone_job(JOB, first + 60)
    assert due(ledger, first + 59) == set()
    assert due(ledger, first + 60) == {Due(JOB, None, first + 60)}
    assert not ledger.postpone_job(JOB[:-1] + "G", NOW)


# -- at once


def race(attempts: int, act: Callable[[int], T]) -> list[T]:
    """What ``attempts`` threads get that act at the same moment."""
    barrier, outcomes = threading.Barrier(attempts, timeout=30), list[T]()

    def one(index: int) -> None:
        barrier.wait()
        outcomes.append(act(index))

    threads = [threading.Thread(target=one, args=(index,)) for index in range(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == attempts
    return outcomes


def test_of_many_settlers_one_wins(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    outcomes = race(8, lambda _: ledger.settle(scored(0, 10)))
    assert sorted(outcomes) == [Settled.ALREADY] * 7 + [Settled.SETTLED]
    assert known(ledger.job(JOB)).rows_scored == 10


def test_of_many_finishers_one_wins(ledger: Ledger) -> None:
    started(ledger)
    ledger.seal(JOB, 0)
    assert sum(job is not None for job in race(8, lambda index: ledger.start_finishing(JOB, NOW + index))) == 1


def test_settling_beside_each_other_loses_no_row(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(index * 10, 10) for index in range(8)))
    assert set(race(8, lambda index: ledger.settle(scored(index * 10, 10, rejected=1)))) == {Settled.SETTLED}
    job = known(ledger.job(JOB))
    assert (job.rows_scored, job.rows_rejected, job.rows_settled) == (72, 8, 80)


def test_of_many_claimers_each_gets_others_and_the_window_is_not_exceeded(ledger: Ledger) -> None:
    started(ledger, *(waiting(first * 10) for first in range(9)))
    job = known(ledger.job(JOB))
    claimed = [chunk.range for chunks in race(6, lambda _: ledger.claim(job, 5, NOW)) for chunk in chunks]
    assert len(claimed) == len(set(claimed))
    assert claimed
    assert in_window(ledger) == (len(claimed), 9 - len(claimed))
    assert len(claimed) <= 5
    assert sorted(claimed) == [chunk.range for chunk in ledger.chunks(JOB) if not chunk.waiting]


def test_a_chunk_that_is_split_and_settled_at_once_ends_one_way(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))

    def act(index: int) -> Settled:
        if index % 2:
            return ledger.settle(scored(0, 10))
        return ledger.split(chunk_of(0, 10), chunk_of(0, 5), chunk_of(5, 5))

    assert race(6, act).count(Settled.SETTLED) == 1
    leaves = [chunk for chunk in ledger.chunks(JOB) if chunk.state.leaf]
    assert sum(chunk.range.rows for chunk in leaves) == 10


# -- limits


@pytest.mark.parametrize("key", ["", "k" * 1_025])
def test_a_key_that_the_table_cannot_hold_is_the_callers_mistake(ledger: Ledger, key: str) -> None:
    if isinstance(ledger, MemoryLedger):
        pytest.skip("memory has no such limit")
    with pytest.raises(InputError, match="job key"):
        ledger.create_job(new_job(), SETTINGS, JobKey(key, "abc"))


def test_settings_that_the_table_cannot_hold_are_the_callers_mistake(ledger: Ledger) -> None:
    if isinstance(ledger, MemoryLedger):
        pytest.skip("memory has no such limit")
    wide = SETTINGS.model_copy(update={"source_columns": tuple(f"ä-column-{index}" for index in range(40_000))})
    with pytest.raises(InputError, match="columns"):
        ledger.create_job(new_job(), wide)
