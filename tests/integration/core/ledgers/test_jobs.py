"""Jobs are created once, found by key and listed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tailrace_core.errors import InputError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.port import JobKey, Ledger
from tests.integration.core.ledgers.examples import JOB, NOW, SETTINGS, known, new_job


def test_a_job_reads_back_as_it_was_written(ledger: Ledger) -> None:
    assert ledger.create_job(new_job(), SETTINGS)
    assert ledger.job(JOB) == new_job()
    assert ledger.settings(JOB) == SETTINGS


def test_a_job_keeps_its_description(ledger: Ledger) -> None:
    description = JobDescription.from_sources(["a.csv"], name="ä", tags={"k": ""}, job_key="k", submitted_by="arn:x")
    assert ledger.create_job(new_job(), SETTINGS, None, description)
    assert ledger.description(JOB) == description


def test_a_job_without_a_description_has_an_empty_one(ledger: Ledger) -> None:
    assert ledger.create_job(new_job(), SETTINGS)
    assert ledger.description(JOB) == JobDescription()


def test_what_is_not_there_is_none(ledger: Ledger) -> None:
    assert ledger.job(JOB) is None
    assert ledger.settings(JOB) is None
    assert ledger.chunk(JOB, RowRange(0, 1)) is None
    assert ledger.find_job_key("k") is None
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
    assert ledger.find_job_key("daily/1") == (JOB, "abc")
    assert ledger.job(other) is None


def test_jobs_lists_the_newest_first(ledger: Ledger) -> None:
    ids = [f"{JOB[:-1]}{letter}" for letter in "ABC"]
    for index, job_id in enumerate(ids):
        assert ledger.create_job(new_job(job_id, created_at=NOW + index * 10.5), SETTINGS)
    assert [job.job_id for job in ledger.jobs(2)] == [ids[2], ids[1]]


@pytest.mark.parametrize("key", ["", "k" * 1_025])
def test_a_key_that_the_table_cannot_hold_is_the_callers_mistake(ledger: Ledger, key: str) -> None:
    if isinstance(ledger, MemoryLedger):
        pytest.skip("memory has no such limit")
    with pytest.raises(InputError, match="job key"):
        ledger.create_job(new_job(), SETTINGS, JobKey(key, "abc"))


def test_settings_that_the_table_cannot_hold_are_the_callers_mistake(ledger: Ledger) -> None:
    if isinstance(ledger, MemoryLedger):
        pytest.skip("memory has no such limit")
    wide = replace(SETTINGS, source_columns=tuple(f"ä-column-{index}" for index in range(40_000)))
    with pytest.raises(InputError, match="columns"):
        ledger.create_job(new_job(), wide)
