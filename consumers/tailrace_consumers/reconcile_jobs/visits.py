"""Visits: the due items of one run of the reconciler, their order, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tailrace_core.jobs.model import Job
from tailrace_core.ledger.due_items import DueItem


class Finding(StrEnum):
    """The result of reconciling a due item; each value is the name of the metric that counts it."""

    SETTLED = "OverdueSettled"
    """Already settled: the index lags behind."""
    WAITING = "OverdueWaiting"
    LOST_SUCCESS = "NotificationsLostSuccess"
    LOST_FAILURE = "NotificationsLostFailure"
    UNCONFIRMED = "AttemptsUnconfirmed"
    UNANSWERED = "AttemptsUnanswered"
    PARKED = "ChunksParked"
    CANCELLED = "ChunksCancelled"
    EXPIRED = "JobsExpired"
    CLOSING = "JobsClosing"
    FINISHED = "JobsFinishedLate"
    FAILED = "OverdueFailed"
    """An error; the item is tried again later, a chunk after a growing delay."""


@dataclass(slots=True)
class Visit:
    """A due item in one run, and what became of it."""

    due: DueItem
    finding: Finding | None = None
    """None if the run's time was over before."""
    error: str | None = None
    unexpected: Exception | None = None
    """An error outside the `TailraceError` tree; the run fails with it in the end."""
    late: bool = False
    """True for an unfinished job that is past its deadline."""


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A job as it was read in this run, and when."""

    job: Job | None
    at: float


def take_turns(chunks: Iterable[DueItem]) -> list[DueItem]:
    """Order chunks so that jobs take turns, each with its longest overdue chunk first."""
    turns: Counter[str] = Counter()
    ordered: list[tuple[int, DueItem]] = []
    for due in sorted(chunks, key=lambda each: each.due_at):
        ordered.append((turns[due.job_id], due))
        turns[due.job_id] += 1
    return [due for _, due in sorted(ordered, key=lambda each: each[0])]
