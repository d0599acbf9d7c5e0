"""What a ledger does, in the words of the services that use it. Adapters: `DynamoLedger`, `MemoryLedger`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome


@dataclass(frozen=True, slots=True)
class JobKey:
    """A name that a producer gives a submit, so that the same submit made again continues the job."""

    key: str
    fingerprint: str
    """Of everything that has to be the same for that: settings and endpoint."""


@dataclass(frozen=True, slots=True)
class DueItem:
    """Something that the reconciler has to look at; ``range`` is None for the job itself."""

    job_id: str
    range: RowRange | None
    due_at: float


class Ledger(Protocol):
    """Knows each job and each chunk. Every method is atomic; reads are consistent. Times are seconds since the epoch.

    All methods raise `TransientError` when the store does not answer, and `AccessDeniedError` when it may not be used.
    Reasons are kept up to `rules.REASON_CHARS` characters.
    """

    def create_job(self, job: Job, settings: JobSettings, key: JobKey | None = None) -> bool:
        """Write a new job in ``submitting``; False when the job or the key exists already.

        Raises:
            InputError: the settings or the key are too big for the store.
        """

    def find_job_key(self, key: str) -> tuple[str, str] | None:
        """The job id and the fingerprint that a job key stands for."""

    def job(self, job_id: str) -> Job | None:
        """The job."""

    def settings(self, job_id: str) -> JobSettings | None:
        """What the job was submitted with; never changes."""

    def chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        """The chunk."""

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        """All chunks ever made of a job, split ones included, by range; pages through them."""

    def jobs(self, limit: int) -> list[Job]:
        """The newest jobs, newest first."""

    def open_chunk(self, chunk: Chunk) -> OpenOutcome:
        """The intent to invoke: add an open chunk, with its ``due_at``, to a job in ``submitting``.

        One whose attempt is 0 waits: it is not due, and `claim` starts it.
        """

    def add_rejected(self, chunk: Chunk) -> OpenOutcome:
        """Add a chunk none of whose rows can be sent, settled as rejected.

        Needs ``due_at`` too: how long it is remembered counts from there.
        """

    def add_cancelled(self, chunk: Chunk) -> OpenOutcome:
        """Add a range that nobody submitted to a job in ``closing``, settled as cancelled; needs ``due_at`` too."""

    def begin_attempt(self, chunk: Chunk) -> bool:
        """The intent to invoke again: ``chunk.attempt`` follows the recorded one.

        Takes ``tries``, ``due_at``, ``reason``, ``redrives``, ``scored_before`` and ``doubted`` over, clears the
        locations and the parking. False when the chunk is not open at the attempt before.

        Raises:
            ValueError: it is the first attempt, which `open_chunk` or `claim` intends.
        """

    def claim(self, job: Job, window: int, due_at: float) -> list[Chunk]:
        """Start waiting chunks, the next in the order of rows, as many as `jobs.window.claimable_chunks` says.

        Their first attempts are intended and due at ``due_at``; none is returned to two callers. ``job`` is as the
        caller read it; when others claimed since, it is looked at anew, and after some defeats the answer is empty:
        those others have filled the window.
        """

    def confirm(self, chunk: Chunk) -> bool:
        """Record the locations of the current attempt, and ``due_at`` unless it was parked meanwhile.

        False when it is not the current one any more.
        """

    def postpone(self, chunk: Chunk) -> bool:
        """Move ``due_at`` (and ``reason``) of the current attempt.

        False when it is not open at this attempt, or parked: a person decides then.
        """

    def park(self, chunk: Chunk) -> bool:
        """Note that the current attempt needs a person (``reason``); it is not overdue any more, the deadline stands.

        False when it is not open at this attempt, or parked already.
        """

    def mark_answered(self, job_id: str, rows: RowRange) -> bool:
        """Note that a part stands for an open chunk: it will be delivered, and `split` is refused from now on.

        True as often as it is said while the chunk is open; False when it is not (any more).
        """

    def settle(self, end: Settlement) -> SettleOutcome:
        """Move a chunk to its final state and its job's counters, in one transaction."""

    def split(self, parent: Chunk, left: Chunk, right: Chunk) -> SettleOutcome:
        """Replace the open ``parent``, at its current attempt, by two open children that tile it.

        Spends one of the job's budget; ``parent.reason`` says why.

        Raises:
            ValueError: the children do not tile the parent, or are not open and due.
        """

    def seal(self, job_id: str, rows_total: int) -> bool:
        """Say how many rows the job has; no chunk can be added afterwards.

        True also when it was sealed so before; False when it was sealed with another total, or is final without one, or
        has settled more rows already.
        """

    def close(self, job_id: str, outcome: JobState, reason: str) -> bool:
        """End a job early: results are refused from now on, open chunks can only be cancelled.

        ``outcome`` is one of ``EARLY_ENDS``. False when the job is past that.
        """

    def start_finishing(self, job_id: str, now: float) -> Job | None:
        """Take a complete job to ``finishing``: the job, for exactly one caller; None for everybody else."""

    def finish(self, job_id: str) -> bool:
        """Take a job from ``finishing`` to its final state; False when it was there already."""

    def overdue(self, before: float, limit: int) -> Iterator[DueItem]:
        """Open chunks and unfinished jobs whose ``due_at`` has passed; at most ``limit`` of each of the index's shards.

        A job is due first some minutes after it was created, not only at its deadline, and then when `postpone_job`
        says; one in ``finishing`` when its finisher's lease is over. What was found may have changed: look at it anew.
        """

    def postpone_job(self, job_id: str, due_at: float) -> bool:
        """Say when to look at an unfinished job next. False when it is final."""
