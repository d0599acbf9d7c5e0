"""The steps of one stripe's chunks, while others cut other stripes of the same job.

In contrast to `chunk_steps`, chunks are recorded in any order, and a chunk's number in its job is a
guess. Those that should be among the first of the job are started by the write that opens them, if
the window has room; the others wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace_core.errors import ConflictError
from tailrace_core.jobs.model import JobState
from tailrace_core.jobs.window import must_wait
from tailrace_core.ledger.writes import MAX_OPENED
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask, JobClosedError
from tailrace_core.submission.resuming import PreviousChunks

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Steps
    from tailrace_core.jobs.model import Chunk, Job, JobSettings
    from tailrace_core.jobs.ranges import RowRange

_TRIES = 10
"""Tries to open chunks while others move the window. From the second on, all chunks wait."""


@dataclass(frozen=True, slots=True)
class StripeSteps:
    """The steps of the chunks of one stripe."""

    chunks: ChunkSteps

    def recorded(self, rows: RowRange) -> Steps[PreviousChunks]:
        """Read which chunks of these rows are recorded, by an earlier or another call."""
        return PreviousChunks((yield from self._read(rows.first_row, rows.end)))

    def record(self, tasks: Sequence[ChunkTask], job: Job | None = None) -> Steps[list[Chunk]]:
        """Write the intents of up to 99 chunks at a time; return the chunks to invoke.

        ``job`` is the job if it was read a moment ago, or at any time where there is no window.

        Those whose number is below the window are started if it has room; the others wait. What
        another call records meanwhile is left to that.

        Raises:
            JobClosedError: the job takes no chunks any more.
            ConflictError: others change the job's window all the time.
        """
        plain = [task for task in tasks if task.is_plain]
        found: list[Chunk] = []
        for task in tasks:
            if not task.is_plain:
                found += [chunk for chunk in (yield from self.chunks.record([task])) if chunk is not None]
        for start in range(0, len(plain), MAX_OPENED):
            found += yield from self._open(plain[start : start + MAX_OPENED], job)
            job = None if self.chunks.settings.window else job
        return found

    def fill_window(self) -> Steps[list[Chunk]]:
        """Invoke all waiting chunks that fit the window; return the attempts to confirm.

        Raises:
            InputError: the endpoint does not exist (any more).
        """
        located: list[Chunk] = []
        while True:
            job = yield from self._job()
            started = yield from self.chunks.start_waiting(job)
            if not started:
                return located
            located += started

    def _open(self, tasks: Sequence[ChunkTask], job: Job | None) -> Steps[list[Chunk]]:
        limit = self.chunks.settings.window
        for number in range(_TRIES):
            job = job or (yield from self._job())
            if not takes_chunks(job):
                raise closed(self.chunks.job_id)
            room = 0 if number else limit - job.chunks_in_flight
            opened = [
                self.chunks.new_chunk(task.plan, waits=bool(limit) and (at >= room or must_wait(task.number, limit)))
                for at, task in enumerate(tasks)
            ]
            if (yield from self.chunks.ledger.open_out_of_order(job, opened, limit)):
                return [chunk for chunk in opened if not chunk.waiting]
            job = None
            known = yield from self._read(tasks[0].plan.range.first_row, tasks[-1].plan.range.end)
            ranges = {chunk.range for chunk in known}
            tasks = [task for task in tasks if task.plan.range not in ranges]
            if not tasks:
                return []
        raise ConflictError(f"{self.chunks.job_id}: others changed its window at each of {_TRIES} tries")

    def _read(self, first_row: int, end: int) -> Steps[list[Chunk]]:
        found: list[Chunk] = []
        after = None
        while True:
            read = self.chunks.ledger.chunks_page(self.chunks.job_id, after, first_row=first_row, end=end)
            page, after = yield from read
            found += page
            if not after:
                return found

    def _job(self) -> Steps[Job]:
        job = yield from self.chunks.ledger.job(self.chunks.job_id)
        if job is None:
            raise closed(self.chunks.job_id)
        return job


def guessed_number(stripe: int, chunk: int, settings: JobSettings) -> int:
    """Guess the number of a chunk in its job from its number in its stripe, as if all were full."""
    return stripe * max(1, settings.stripe_bytes // settings.chunk_bytes) + chunk


def takes_chunks(job: Job | None) -> bool:
    """Report whether chunks can be added to the job."""
    return job is not None and job.state is JobState.SUBMITTING


def closed(job_id: str) -> JobClosedError:
    """Return the error for a job that takes no chunks any more."""
    return JobClosedError(f"job {job_id} was closed while it was being cut", job_id=job_id)
