"""The interface of the ledger, in the terms of its callers.

Adapters: `DynamoLedger`, `MemoryLedger`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.rules import OpenOutcome, Settlement, SettleOutcome


@dataclass(frozen=True, slots=True)
class JobKey:
    """A producer's name for a submit: a repeated submit with the same key resumes the job."""

    key: str
    fingerprint: str
    """Fingerprint of the settings and the endpoint, which must be the same to resume."""


class Ledger(Protocol):
    """The record of all jobs and chunks.

    Every method is atomic, and reads are consistent. Times are seconds since the epoch. All methods
    raise `TransientError` if the store does not answer, and `AccessDeniedError` if the caller lacks
    permission. Reasons are kept up to `rules.REASON_CHARS` characters. Where a method takes an
    ``entry``, it is added to the history together with the change, or not at all.
    """

    def create_job(
        self, job: Job, settings: JobSettings, key: JobKey | None = None, description: JobDescription | None = None
    ) -> bool:
        """Write a new job in ``submitting``; False if the job or the key exists.

        Raises:
            InputError: the settings or the key are too large for the store.
        """

    def find_job_key(self, key: str) -> tuple[str, str] | None:
        """Find the job id and the fingerprint recorded for a job key."""

    def job(self, job_id: str) -> Job | None:
        """Get the job."""

    def settings(self, job_id: str) -> JobSettings | None:
        """Get the job's settings; they never change."""

    def description(self, job_id: str) -> JobDescription:
        """Get the job's description; an empty one if none was recorded."""

    def note(self, job_id: str, name: str) -> str | None:
        """Get one of the job's notes; a note never changes."""

    def write_note(self, job: Job, name: str, text: str) -> str:
        """Write a note unless there is one of that name; return the note that stands."""

    def chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        """Get the chunk."""

    def chunks_with_jobs(self, wanted: Sequence[tuple[str, RowRange]]) -> list[tuple[Chunk, Job] | None]:
        """Get chunks, given by job id and range, each with its job; None where one is unknown.

        Each item is as it is at one moment of the call, not all of them at the same one.
        """

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        """Iterate over all chunks of a job by range, page by page; split ones included."""

    def jobs(self, limit: int) -> list[Job]:
        """Get the newest jobs, newest first."""

    def open_chunk(self, chunk: Chunk) -> OpenOutcome:
        """Add an open chunk with its ``due_at`` to a job in ``submitting``.

        The chunk is the intent to invoke it. A chunk whose attempt is 0 waits: it is not due, and
        `claim` starts it.
        """

    def open_out_of_order(self, job: Job, chunks: Sequence[Chunk], window: int = 0) -> bool:
        """Add open chunks to a job in ``submitting``, all or none, before or behind others.

        ``job`` is the job as just read. False if it takes no chunks any more, has one of these
        already, has no room in its ``window`` (0 for no limit) for those that do not wait, or was
        changed by others so that the caller has to read it again.
        """

    def add_rejected(self, chunk: Chunk) -> OpenOutcome:
        """Add a chunk without any sendable row, settled as rejected.

        Needs ``due_at`` too: the item's retention counts from it.
        """

    def add_cancelled(self, chunk: Chunk) -> OpenOutcome:
        """Add a range that was never submitted to a job in ``closing``, settled as cancelled.

        Needs ``due_at`` too: the item's retention counts from it.
        """

    def begin_attempt(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        """Record the intent to invoke again: ``chunk.attempt`` follows the recorded attempt.

        Takes over ``tries``, ``due_at``, ``reason``, ``redrives``, ``attempts_before`` and
        ``scored_before``; clears the locations, the queued retry and the parking. False if the
        chunk is not open at the previous attempt.

        Raises:
            ValueError: it is the first attempt, which `open_chunk` or `claim` records.
        """

    def claim(self, job: Job, window: int, due_at: float) -> list[Chunk]:
        """Start the next waiting chunks in row order.

        `jobs.window.claimable_chunks` is their number. Their first attempts are recorded and due at
        ``due_at``. No chunk is returned to two callers. ``job`` is as the caller read it. If others
        have claimed since, it is read again; after several lost races the result is empty, because
        the winners have filled the window.
        """

    def confirm(self, chunk: Chunk) -> bool:
        """Record the current attempt's locations, set ``due_at``, and clear ``chunk.retry``.

        If the chunk was parked meanwhile, or another retry queued, only the locations are recorded:
        a failure of this attempt was handled before its confirmation. False if the attempt is not
        current any more.
        """

    def confirm_all(self, chunks: Sequence[Chunk]) -> list[bool]:
        """Confirm attempts of one job, each as `confirm` would; return the result of each."""

    def postpone(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        """Set ``due_at``, ``reason`` and ``retry`` of the current attempt.

        False if the chunk is not open at this attempt, or is parked: an operator decides then.
        """

    def park(self, chunk: Chunk, entry: HistoryEntry | None = None) -> bool:
        """Park the chunk at ``parked_at``: its current attempt needs an operator, for ``reason``.

        It is not overdue any more, and no retry is queued; the job's deadline stands. False if the
        chunk is not open at this attempt, or is parked already.

        Raises:
            ValueError: it has no ``parked_at``.
        """

    def attention(self, limit: int) -> list[DueItem]:
        """List parked chunks, the longest parked first; ``due_at`` is the time of the parking.

        They may have changed since: read them again (`chunks_of`).
        """

    def add_history(self, job_id: str, rows: RowRange | None, entry: HistoryEntry) -> bool:
        """Add an entry to the history of a chunk, or of the job if ``rows`` is None.

        In any state. False if there is no such chunk or job. Not for what another method records.
        """

    def chunks_of(self, wanted: Sequence[tuple[str, RowRange]]) -> list[Chunk]:
        """Get many chunks by job id and range, in no order, without those that do not exist."""

    def jobs_of(self, job_ids: Sequence[str]) -> list[Job]:
        """Get many jobs, in no order, without those that do not exist."""

    def mark_answered(self, job_id: str, rows: RowRange) -> bool:
        """Record that an open chunk's part is written: `split` is refused from now on.

        True for every call while the chunk is open; False afterwards, or if it waits.
        """

    def mark_all_answered(self, chunks: Sequence[tuple[str, RowRange]]) -> list[bool]:
        """Mark chunks, given by job id and range, each as `mark_answered` would."""

    def settle(self, end: Settlement) -> SettleOutcome:
        """Move a chunk to its final state and update its job's counters, in one transaction."""

    def settle_all(self, ends: Sequence[Settlement]) -> list[SettleOutcome]:
        """Settle chunks of one job; return the outcome of each, as `settle` would.

        Those whose conditions hold are settled in one transaction of up to
        `writes.MAX_TOGETHER` chunks. One that does not settle leaves the others alone.

        Raises:
            ValueError: they are of several jobs, or cancellations among others.
        """

    def split(
        self, parent: Chunk, left: Chunk, right: Chunk, *, window: int = 0, entry: HistoryEntry | None = None
    ) -> SettleOutcome:
        """Replace the open ``parent``, at its current attempt, by two open children that tile it.

        Spends one split of the job's budget; ``parent.reason`` is the reason. The left child takes
        the parent's place among the chunks in flight. A ``right`` child with attempt 0 waits, and
        `claim` starts it before the ranges behind it. One that does not wait is refused with
        ``NO_ROOM`` if ``window`` (0 for no limit) is full.

        Raises:
            ValueError: the children do not tile the parent, or are not open and due.
        """

    def record_probe(self, job: Job, following: Job) -> bool:
        """Record ``following``'s probes and control in place of ``job``'s.

        These are ``probed``, ``probed_since``, ``controls_sent`` and ``controlled_at``. False if
        another caller recorded a probe since ``job`` was read.
        """

    def record_control(self, job_id: str, number: int, *, scored: bool) -> bool:
        """Record that control ``number`` was answered or failed; False if a later one was."""

    def seal(self, job_id: str, rows_total: int) -> bool:
        """Record the job's number of rows; no chunk can be added afterwards.

        True also if it was sealed with the same total before. False if it was sealed with another
        total, is final without one, or has settled more rows already.
        """

    def close(self, job_id: str, outcome: JobState, reason: str, entry: HistoryEntry | None = None) -> bool:
        """End a job early: results are refused from now on, open chunks can only be cancelled.

        ``outcome`` is one of ``EARLY_ENDS``. False if the job is closed, finishing or final.
        """

    def start_finishing(self, job_id: str, now: float) -> Job | None:
        """Move a complete job to ``finishing``; exactly one caller gets it, all others get None."""

    def finish(self, job_id: str) -> bool:
        """Move a job from ``finishing`` to its final state; False if it is in another state."""

    def overdue(self, before: float, limit: int) -> Iterator[DueItem]:
        """Iterate over open chunks and unfinished jobs whose ``due_at`` has passed.

        All such jobs, and of each job the chunks that are the longest overdue: ``limit`` in each
        shard of the index. A job is first due some minutes after its creation, not only at its
        deadline, and then at the time set by `postpone_job`. A job in ``finishing`` is due when its
        finisher's lease ends. The items may have changed since: read them again.
        """

    def postpone_job(self, job_id: str, due_at: float) -> bool:
        """Set the time of the next check of an unfinished job; False if it is final."""

    def postpone_failed(self, due: DueItem, now: float) -> bool:
        """Postpone an item whose check failed, by `due_items.failed_check_due_at`.

        False if it is not due at ``due.due_at`` any more.
        """
