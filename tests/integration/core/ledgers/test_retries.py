"""Queued retries, redrives and probes are recorded, and cleared when an attempt begins."""

from __future__ import annotations

import dataclasses

import pytest

from tailrace_core.jobs.model import QueuedRetry
from tailrace_core.jobs.probing import with_control, with_probe
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tests.integration.core.ledgers.examples import JOB, NOW, chunk_of, known, started

ROWS = RowRange(0, 10)
RETRY = QueuedRetry(NOW + 12.5, 2)


@pytest.mark.parametrize("held", [False, True])
def test_a_queued_retry_reads_back_until_the_chunk_is_postponed_without_one(ledger: Ledger, held: bool) -> None:  # noqa: FBT001 a parameter of the test
    started(ledger, chunk_of(0, 10))
    retry = dataclasses.replace(RETRY, held=held)
    assert ledger.postpone(chunk_of(0, 10, retry=retry))
    assert known(ledger.chunk(JOB, ROWS)).retry == retry
    assert ledger.postpone(chunk_of(0, 10))
    assert known(ledger.chunk(JOB, ROWS)).retry is None


def test_a_chunk_may_be_opened_held(ledger: Ledger) -> None:
    chunk = chunk_of(0, 10, retry=dataclasses.replace(RETRY, held=True), tries=3)
    started(ledger, chunk)
    assert ledger.chunk(JOB, ROWS) == chunk


def test_no_retry_is_queued_once_the_attempt_begins_is_confirmed_or_is_parked(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.postpone(chunk_of(0, 10, retry=RETRY))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2, retry=RETRY))
    assert known(ledger.chunk(JOB, ROWS)).retry is None
    ledger.postpone(chunk_of(0, 10, attempt=2, retry=RETRY))
    assert ledger.confirm(chunk_of(0, 10, attempt=2, output_location="s3://b/o", retry=RETRY))
    assert known(ledger.chunk(JOB, ROWS)).retry is None
    ledger.postpone(chunk_of(0, 10, attempt=2, retry=RETRY))
    assert ledger.park(chunk_of(0, 10, attempt=2, parked_at=NOW))
    assert known(ledger.chunk(JOB, ROWS)).retry is None


def test_a_confirmation_that_comes_after_a_retry_was_queued_leaves_it(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    ledger.postpone(chunk_of(0, 10, retry=RETRY, due_at=NOW + 900, reason="500"))
    assert ledger.confirm(chunk_of(0, 10, output_location="s3://b/o", due_at=NOW + 300))
    expected = chunk_of(0, 10, retry=RETRY, due_at=NOW + 900, reason="500", output_location="s3://b/o", invoked=True)
    assert ledger.chunk(JOB, ROWS) == expected


def test_a_redrive_records_the_attempts_before_it(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    assert ledger.begin_attempt(chunk_of(0, 10, attempt=2, redrives=1, attempts_before=1))
    chunk = known(ledger.chunk(JOB, ROWS))
    assert (chunk.attempts_before, chunk.attempts_since_redrive) == (1, 1)


def test_of_two_probes_recorded_on_the_same_reading_one_counts(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10), chunk_of(10, 10))
    job = known(ledger.job(JOB))
    first = with_probe(job, RowRange(0, 1), RowRange(1, 9))
    assert ledger.record_probe(job, first)
    assert not ledger.record_probe(job, with_probe(job, RowRange(10, 1), RowRange(11, 9)))
    assert known(ledger.job(JOB)) == first

    second = with_probe(first, RowRange(10, 1), RowRange(11, 9))
    assert ledger.record_probe(first, second)
    found = known(ledger.job(JOB))
    assert (found.probed, found.probed_since) == (second.probed, 0)


def test_probes_of_an_unknown_job_are_not_recorded(ledger: Ledger) -> None:
    started(ledger)
    job = dataclasses.replace(known(ledger.job(JOB)), job_id=JOB[:-1] + "G")
    assert not ledger.record_probe(job, with_probe(job, RowRange(0, 1), RowRange(1, 9)))


def test_a_control_is_recorded_with_its_probe_and_answered_once(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    job = known(ledger.job(JOB))
    following = with_control(job, ROWS, NOW)
    assert ledger.record_probe(job, following)
    assert known(ledger.job(JOB)) == following
    assert ledger.record_control(JOB, 1, scored=True)
    assert not ledger.record_control(JOB, 1, scored=True)
    assert known(ledger.job(JOB)).answers == 1

    second = with_control(known(ledger.job(JOB)), ROWS, NOW)
    assert ledger.record_probe(known(ledger.job(JOB)), second)
    assert ledger.record_control(JOB, 2, scored=False)
    found = known(ledger.job(JOB))
    assert (found.controls_sent, found.controls_scored, found.controls_failed, found.answers) == (2, 1, 2, 1)
    assert not ledger.record_control(JOB[:-1] + "G", 1, scored=True)
