"""Notes of a job are written once and never change."""

from __future__ import annotations

from tailrace_core.ledger.port import Ledger
from tests.integration.core.ledgers.examples import JOB, NOW, chunk_of, due, new_job, started
from tests.integration.core.ledgers.racing import race

OTHER = JOB[:-1] + "G"


def test_the_first_note_of_a_name_stands(ledger: Ledger) -> None:
    assert ledger.note(JOB, "shape") is None
    assert ledger.write_note(new_job(), "shape", "numbers") == "numbers"
    assert ledger.write_note(new_job(), "shape", "texts") == "numbers"
    assert ledger.note(JOB, "shape") == "numbers"


def test_notes_of_other_names_and_jobs_are_others(ledger: Ledger) -> None:
    ledger.write_note(new_job(), "misfit#3", "a")
    assert ledger.write_note(new_job(), "misfit#30", "b") == "b"
    assert ledger.write_note(new_job(OTHER), "misfit#3", "c") == "c"
    assert [ledger.note(job_id, name) for job_id in (JOB, OTHER) for name in ("misfit#3", "misfit#30")] == [
        *("a", "b"),
        *("c", None),
    ]


def test_of_many_writers_all_read_the_note_of_one(ledger: Ledger) -> None:
    (standing,) = set(race(8, lambda index: ledger.write_note(new_job(), "shape", f"{index}")))
    assert ledger.note(JOB, "shape") == standing


def test_notes_are_neither_chunks_nor_jobs_nor_due(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    before = (list(ledger.chunks(JOB)), ledger.jobs(5), due(ledger, NOW + 1e9))
    ledger.write_note(new_job(), "shape", "numbers")
    assert (list(ledger.chunks(JOB)), ledger.jobs(5), due(ledger, NOW + 1e9)) == before
