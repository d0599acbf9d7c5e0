"""The state of one run: its counters, its split budget, its evidence, and how it ends.

It takes the place of the ledger, in memory: the rules are those of a job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import NoReturn

from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.limits import ALL_REFUSED_CHUNKS, excess_rejects_reason
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.split_budget import split_grant

_STEP_S = 0.5
"""Longest sleep of a waiting thread before it looks whether the run goes on."""


class ScoringError(TailraceError):
    """The run ended without a whole result.

    ``job`` has its counters, and why: its state is ``failed``, or ``expired`` after the deadline.
    """

    def __init__(self, message: str, job: Job) -> None:
        super().__init__(message)
        self.job = job


@dataclass
class Traffic:
    """Requests made, and those of them that repeat one that failed."""

    requests: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Clock:
    """Time and waiting; tests give their own."""

    now: Callable[[], float]
    """Seconds since the epoch."""
    wait: Callable[[threading.Event, float], object] = field(default=lambda event, seconds: event.wait(seconds))
    """Waits for an event, at most so many seconds."""


class RunState:
    """What the threads of a run share. Thread-safe."""

    def __init__(self, run_id: str, settings: JobSettings, clock: Clock, *, deadline_s: float) -> None:
        now = clock.now()
        self.settings = settings
        self.traffic = Traffic()
        self.failure: Future[None] = Future()
        """Gets the error that ends the run."""
        self.known_row: bytes | None = None
        """A row that the model has scored, as it was sent; sent again, it shows whether the model
        still works."""
        self._clock = clock
        self._job = Job(
            job_id=run_id,
            state=JobState.RUNNING,
            created_at=now,
            deadline_at=now + deadline_s,
            split_budget=settings.split_budget,
        )
        self._refused_alone = 0
        self._notes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def job(self) -> Job:
        """The run as a job: its counters are those of now."""
        return self._job

    # -- notes, as a ledger keeps them

    def note(self, job_id: str, name: str) -> str | None:  # noqa: ARG002 - there is one job
        """Get a note."""
        return self._notes.get(name)

    def write_note(self, job: Job, name: str, text: str) -> str:  # noqa: ARG002 - as above
        """Write a note unless there is one of that name; return the note that stands."""
        with self._lock:
            return self._notes.setdefault(name, text)

    # -- counters

    def open(self, rows: RowRange) -> None:
        """Count a new chunk's share of the split budget."""
        with self._lock:
            grant = split_grant(rows, self.settings.rows_per_split)
            self._job = replace(self._job, split_budget=self._job.split_budget + grant)

    def seal(self, rows_total: int) -> None:
        """Set the number of rows of the input."""
        with self._lock:
            self._job = replace(self._job, rows_total=rows_total)

    def take_split(self) -> bool:
        """Spend a split; False when none is left."""
        with self._lock:
            if not self._job.split_budget:
                return False
            job = self._job
            self._job = replace(job, split_budget=job.split_budget - 1, splits_spent=job.splits_spent + 1)
            return True

    def count_request(self, *, again: bool) -> None:
        """Count a request."""
        with self._lock:
            self.traffic.requests += 1
            self.traffic.retries += again

    def answered(self, row: bytes) -> None:
        """Count a row that was scored only to learn whether the model works."""
        with self._lock:
            self._job = replace(self._job, controls_scored=self._job.controls_scored + 1)
            self.known_row = row

    def settle(self, rows: RowRange, rejects: list[Reject], *, refused: int = 0, sample: bytes | None = None) -> None:
        """Count the rows of a part; ``refused`` of them were refused by the model, each alone.

        ``sample`` is a row that was scored, as it was sent.

        Raises:
            ScoringError: too many rows are rejected, or the model has refused every row so far.
        """
        not_isolated = sum(not each.isolated for each in rejects)
        with self._lock:
            job = self._job = replace(
                self._job,
                rows_scored=self._job.rows_scored + rows.rows - len(rejects),
                rows_rejected=self._job.rows_rejected + len(rejects),
                rows_not_isolated=self._job.rows_not_isolated + not_isolated,
            )
            self.known_row = self.known_row or sample
            self._refused_alone += refused
            refused_all = not job.rows_scored and self._refused_alone >= ALL_REFUSED_CHUNKS
        if refused_all:
            self.fail(
                f"no row was scored, and the model refused each of {self._refused_alone} that were tried alone; it "
                f"said last: {rejects[-1].reason}"
            )
        self.check_limit()

    def check_limit(self) -> None:
        """Fail the run if it is over its limit of rejected rows.

        Raises:
            ScoringError: it is.
        """
        excess = excess_rejects_reason(self._job, self.settings)
        if excess:
            self.fail(excess)

    # -- the end

    def fail(self, reason: str, outcome: JobState = JobState.FAILED) -> NoReturn:
        """End the run.

        Raises:
            ScoringError: always.
        """
        with self._lock:
            self._job = replace(self._job, outcome=self._job.outcome or outcome, reason=self._job.reason or reason)
            error = ScoringError(reason, self._job)
        self.abort(error)
        raise error

    def abort(self, error: BaseException) -> None:
        """End the run with an error; the first one counts."""
        with self._lock:
            if not self.failure.done():
                self.failure.set_exception(error)
        self._stopped.set()

    def require_running(self) -> None:
        """Raise what has ended the run, if something has.

        Raises:
            ScoringError: the run has failed, or its deadline has passed.
        """
        if self._stopped.is_set():
            self.failure.result()
        if self._clock.now() >= self._job.deadline_at:
            seconds = self._job.deadline_at - self._job.created_at
            self.fail(f"the deadline has passed: not all rows were scored within {seconds:g} s", JobState.EXPIRED)

    def wait(self, seconds: float) -> None:
        """Wait, as long as the run goes on.

        Raises:
            ScoringError: the run has ended, or its deadline has passed.
        """
        until = self._clock.now() + seconds
        self.require_running()
        while (left := min(until, self._job.deadline_at) - self._clock.now()) > 0:
            self._clock.wait(self._stopped, min(left, _STEP_S))
            self.require_running()
        self.require_running()
