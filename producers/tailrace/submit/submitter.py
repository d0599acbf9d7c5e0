"""One submit from the opened source to the sealed job, and what becomes of a job whose submit fails midway."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from tailrace.aws.stacks import Stack
from tailrace.options import SubmitOptions
from tailrace.progress import OnProgress
from tailrace.sources.source import Source
from tailrace.submit.closing import end_job
from tailrace.submit.finishing import ManifestPublisher
from tailrace.submit.planning import Planner
from tailrace.submit.steps import ChunkSteps, ChunkTask, JobClosedError, JobSession, open_job
from tailrace.submit.worklist import WorkList
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.finishing import finish_if_complete

_MAX_REASON_CHARS = 1000


class Sender(Protocol):
    """Carries out the work of a submit."""

    def send_all(self, steps: ChunkSteps, works: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        """Send everything, with bounded memory; raises the first error after what was under way has ended."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submit did: the job as it is afterwards, and how many chunks were sent or had been sent before."""

    job: Job
    continued: bool = False
    chunks_sent: int = 0
    chunks_skipped: int = 0
    bytes_read: int = 0

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.job_id


class Submitter:
    """Submits inputs to one stack. ``execute`` carries out calls, ``sender`` the chunks."""

    def __init__(
        self,
        stack: Stack,
        execute: Callable[[Call], Any],
        sender: Sender,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._stack = stack
        self._execute = execute
        self._sender = sender
        self._now = now
        self._new_id = new_id
        self._steps = DynamoSteps(stack.table)
        self._ledger = DynamoLedger(self._steps, execute)
        self._effects = ManifestPublisher(stack, execute)

    def submit(self, source: Source, planner: Planner, options: SubmitOptions, on_progress: OnProgress) -> Submission:
        """Submit an opened source; a job that fails midway is closed, or stays open if its key lets it be continued."""
        opening = self._open_job(planner.settings, options)
        if opening.job.outcome is not None:
            return Submission(opening.job, continued=True)
        job_id = opening.job.job_id
        works = WorkList(
            planner.plan(source.blocks(), source.describe_position),
            opening,
            bytes_read=lambda: source.bytes_read,
            bytes_total=source.size_hint_bytes,
            on_progress=on_progress,
        )
        chunk_steps = ChunkSteps(self._stack, self._steps, job_id, opening.settings, self._now)
        try:
            self._sender.send_all(chunk_steps, works, works.sent)
            self._seal(opening, works.rows_total)
            job = self._ledger.job(job_id) or opening.job
            run(chunk_steps.start_waiting(job), self._execute)
        except JobClosedError:
            job = self._ledger.job(job_id) or opening.job
        except BaseException as exc:
            self._abandon(job_id, options.job_key, exc)
            raise
        done = works.progress
        return Submission(job, opening.continued, done.chunks_sent, done.chunks_skipped, source.bytes_read)

    def close(self, job_id: str, outcome: JobState, reason: str) -> None:
        """End a job early."""
        end_job(job_id, outcome, reason, ledger=self._ledger, effects=self._effects, now=self._now())

    def _open_job(self, settings: JobSettings, options: SubmitOptions) -> JobSession:
        now = self._now()
        job = Job(
            job_id=self._new_id(),
            state=JobState.SUBMITTING,
            created_at=now,
            deadline_at=now + options.deadline_s,
            split_budget=settings.split_budget,
        )
        return run(open_job(self._steps, job, settings, options.job_key), self._execute)

    def _seal(self, opening: JobSession, rows_total: int | None) -> None:
        if rows_total is not None and opening.takes_chunks:
            self._ledger.seal(opening.job.job_id, rows_total)
        finish_if_complete(
            opening.job.job_id, ledger=self._ledger, store=self._effects, publisher=self._effects, now=self._now()
        )

    def _abandon(self, job_id: str, key: str | None, exc: BaseException) -> None:
        """Leave no half-made job open, unless it can be continued; ``exc`` gets a note that says what became of it."""
        if key is not None:
            exc.add_note(self._with_key(job_id, key))
            return
        interrupted = not isinstance(exc, Exception)
        outcome = JobState.CANCELLED if interrupted else JobState.FAILED
        reason = "submit was interrupted" if interrupted else f"submit failed: {exc}"
        try:
            self.close(job_id, outcome, reason[:_MAX_REASON_CHARS])
        except TailraceError as closing:
            exc.add_note(f"job {job_id} could not be closed ({closing}); cancel it with `tailrace cancel {job_id}`")
        else:
            exc.add_note(f"job {job_id} was closed as {outcome}")

    def _with_key(self, job_id: str, key: str) -> str:
        """What became of a job that has a key."""
        with contextlib.suppress(TailraceError):
            job = self._ledger.job(job_id)
            if job is not None and job.state is not JobState.SUBMITTING:
                return f"job {job_id} of the job key {key!r} is {job.state} already; nothing was changed in it"
        return f"job {job_id} stays open; submit the same input with the job key {key!r} again to continue it"
