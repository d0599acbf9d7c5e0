"""Settings are read once for each job, by any number of threads, in a bounded cache."""

from __future__ import annotations

from threading import Barrier

from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_core.jobs.model import JobSettings
from tailrace_core.ledger.memory import MemoryLedger
from tests.unit.consumers.threads import LIMIT_S, in_threads, switching_often


class Counting(MemoryLedger):
    """A ledger with settings for every job but one; it records the reads."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def settings(self, job_id: str) -> JobSettings | None:
        self.asked.append(job_id)
        return None if job_id == "stranger" else JobSettings(endpoint_name=job_id)


def test_settings_are_read_once() -> None:
    ledger = Counting()
    lookup = LedgerLookup(ledger)
    for _ in range(3):
        found = lookup.settings("j")
        assert found is not None
        assert found.endpoint_name == "j"
    assert ledger.asked == ["j"]


def test_what_is_not_there_is_asked_for_again() -> None:
    ledger = Counting()
    lookup = LedgerLookup(ledger)
    assert lookup.settings("stranger") is lookup.settings("stranger") is None
    assert ledger.asked == ["stranger", "stranger"]


def test_the_oldest_make_room() -> None:
    ledger = Counting()
    lookup = LedgerLookup(ledger)
    jobs = [f"j{number}" for number in range(65)]
    for job_id in [*jobs, *jobs[1:]]:
        lookup.settings(job_id)
    assert ledger.asked == jobs
    lookup.settings(jobs[0])
    assert ledger.asked == [*jobs, jobs[0]]


def test_threads_get_each_job_its_own_while_others_are_let_go_of() -> None:
    lookup = LedgerLookup(Counting())
    together = Barrier(4)

    def ask(thread: int) -> None:
        together.wait(LIMIT_S)
        for number in range(5_000):
            job_id = f"{thread}-{number % 150}"
            found = lookup.settings(job_id)
            assert found is not None
            assert found.endpoint_name == job_id

    with switching_often():
        in_threads(ask, 4)
