"""Jobs are sealed, closed and finished."""

from __future__ import annotations

import pytest

from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.ledger import rules
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tests.integration.core.ledgers.examples import JOB, NOW, chunk_of, due, ended, known, scored, started


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
    assert due(ledger, NOW + rules.FINISHING_LEASE_S) == {DueItem(JOB, None, NOW + rules.FINISHING_LEASE_S)}
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
    first = NOW + rules.FIRST_CHECK_S
    assert due(ledger, first) == {DueItem(JOB, None, first)}
    assert ledger.postpone_job(JOB, first + 60)
    assert due(ledger, first + 59) == set()
    assert due(ledger, first + 60) == {DueItem(JOB, None, first + 60)}
    assert not ledger.postpone_job(JOB[:-1] + "G", NOW)
