"""The ledger's methods that closing and finishing use, as steps (`tailrace_core.aws.calls`).

`closing` and `finishing` are written once, over `LedgerSteps`. The clients run them over
`DynamoSteps`, whose steps yield AWS calls. Services that hold a `Ledger` run them over
`ImmediateLedger`, whose steps yield none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome

T = TypeVar("T")


class LedgerSteps(Protocol):
    """`port.Ledger`, which documents each method, as steps.

    Implemented by `DynamoSteps` and `ImmediateLedger`.
    """

    def job(self, job_id: str) -> Steps[Job | None]: ...
    def settings(self, job_id: str) -> Steps[JobSettings | None]: ...
    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> Steps[bool]: ...
    def postpone_job(self, job_id: str, due_at: float) -> Steps[bool]: ...
    def add_cancelled(self, chunk: Chunk) -> Steps[OpenOutcome]: ...
    def settle_all(self, ends: Sequence[Settlement]) -> Steps[list[SettleOutcome]]: ...
    def seal(self, job_id: str, rows_total: int) -> Steps[bool]: ...
    def start_finishing(self, job_id: str, now: float) -> Steps[Job | None]: ...
    def finish(self, job_id: str) -> Steps[bool]: ...

    def chunks_page(self, job_id: str, after: Any = None) -> Steps[tuple[Iterable[Chunk], Any]]:
        """Read one page of a job's chunks by range, and the next page's start (None if last)."""


class ImmediateLedger:
    """A `Ledger` as steps that yield no call: each returns as soon as it is run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def job(self, job_id: str) -> Steps[Job | None]:
        return immediate(self._ledger.job(job_id))

    def settings(self, job_id: str) -> Steps[JobSettings | None]:
        return immediate(self._ledger.settings(job_id))

    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> Steps[bool]:
        return immediate(self._ledger.close(job_id, outcome, reason, entry))

    def postpone_job(self, job_id: str, due_at: float) -> Steps[bool]:
        return immediate(self._ledger.postpone_job(job_id, due_at))

    def add_cancelled(self, chunk: Chunk) -> Steps[OpenOutcome]:
        return immediate(self._ledger.add_cancelled(chunk))

    def settle_all(self, ends: Sequence[Settlement]) -> Steps[list[SettleOutcome]]:
        return immediate(self._ledger.settle_all(ends))

    def seal(self, job_id: str, rows_total: int) -> Steps[bool]:
        return immediate(self._ledger.seal(job_id, rows_total))

    def start_finishing(self, job_id: str, now: float) -> Steps[Job | None]:
        return immediate(self._ledger.start_finishing(job_id, now))

    def finish(self, job_id: str) -> Steps[bool]:
        return immediate(self._ledger.finish(job_id))

    def chunks_page(self, job_id: str, after: Any = None) -> Steps[tuple[Iterable[Chunk], Any]]:
        return immediate((self._ledger.chunks(job_id), after))


def immediate(value: T) -> Steps[T]:
    """Return ``value`` as the result of steps that yield no call."""
    yield from ()
    return value


def run_immediate(steps: Steps[T]) -> T:
    """Run steps that yield no call."""
    return run(steps, _refuse)


def _refuse(call: Call) -> NoReturn:
    raise AssertionError(f"{call.service}.{call.operation} was called by steps that make no call")
