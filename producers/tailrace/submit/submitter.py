"""Submits an opened source: the steps around its chunks, and the sync shell that runs them.

`tailrace.submit.async_submitter` holds the async shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tailrace.submit.closing import abandon_job
from tailrace.submit.finishing import ManifestPublisher
from tailrace.submit.round_requests import ask_for_look
from tailrace.submit.steps import ChunkSteps, ChunkTask, JobClosedError, JobSession, open_job
from tailrace.submit.worklist import WorkList
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.engines import size_warnings
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.finishing import finish_if_complete_steps

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.options import SubmitOptions
    from tailrace.progress import OnProgress
    from tailrace.sources.record_source import RecordSource
    from tailrace.submit.planning import Planner


class Sender(Protocol):
    """Sends the chunks of a submit."""

    def send_all(self, steps: ChunkSteps, tasks: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        """Send every chunk, with bounded memory.

        Raises the first error once all calls under way have ended.
        """


@dataclass(frozen=True, slots=True)
class Submission:
    """The result of a submit: the job afterwards, and how many chunks were sent now or earlier."""

    job: Job
    continued: bool = False
    chunks_sent: int = 0
    chunks_skipped: int = 0
    bytes_read: int = 0
    warnings: tuple[str, ...] = ()
    """What to know about the job's settings; nothing is wrong yet."""

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.job_id


class SubmitSteps:
    """The steps of a submit around its chunks: open the job, seal it, or abandon it on failure.

    ``submitted_by`` is the ARN of the identity that submits, for the job's description.
    """

    def __init__(
        self, stack: Stack, *, now: Callable[[], float], new_id: Callable[[], str], submitted_by: str | None
    ) -> None:
        self._stack = stack
        self._submitted_by = submitted_by
        self._ledger = DynamoSteps(stack.table)
        self._now = now
        self._new_id = new_id

    def open(self, settings: JobSettings, options: SubmitOptions, sources: Sequence[str]) -> Steps[JobSession]:
        """Create the job, or find the job that the key was used for.

        ``sources`` are the names of the input, for the job's description.
        """
        now = self._now()
        job = Job(
            job_id=self._new_id(),
            state=JobState.SUBMITTING,
            created_at=now,
            deadline_at=now + options.deadline_s,
            split_budget=settings.split_budget,
        )
        description = JobDescription.from_sources(
            sources,
            name=options.name,
            tags=options.tags,
            job_key=options.job_key,
            submitted_by=self._submitted_by,
        )
        return (yield from open_job(self._ledger, job, settings, options.job_key, description))

    def chunk_steps(self, session: JobSession) -> ChunkSteps:
        """Return the steps of the job's chunks."""
        return ChunkSteps(self._stack, self._ledger, session.job.job_id, session.settings, self._now)

    def seal(self, session: JobSession, rows_total: int | None) -> Steps[Job]:
        """Seal the job, finish it if all rows are settled, invoke waiting chunks that fit."""
        job_id = session.job.job_id
        if rows_total is not None and session.takes_chunks:
            yield from self._ledger.seal(job_id, rows_total)
        if rows_total is not None:
            yield from ask_for_look(job_id, session.settings, self._stack)
        job = yield from self.job(session)
        if job.complete:
            yield from finish_if_complete_steps(
                job_id, ledger=self._ledger, effects=ManifestPublisher(self._stack), now=self._now()
            )
            job = yield from self.job(session)
        chunks = self.chunk_steps(session)
        yield from chunks.confirm((yield from chunks.start_waiting(job)))
        return job

    def job(self, session: JobSession) -> Steps[Job]:
        """Read the job as it is now."""
        return (yield from self._ledger.job(session.job.job_id)) or session.job

    def abandon(self, session: JobSession, options: SubmitOptions, error: BaseException) -> Steps[None]:
        """Leave no half-made job open, unless it can be continued.

        ``error`` gets a note that states which.
        """
        return abandon_job(session.job.job_id, options.job_key, error, stack=self._stack, now=self._now())


class Submitter:
    """Submits inputs to one stack. ``execute`` makes one call, ``sender`` sends the chunks."""

    def __init__(self, steps: SubmitSteps, execute: Callable[[Call], Any], sender: Sender) -> None:
        self._steps = steps
        self._execute = execute
        self._sender = sender

    def submit(
        self, source: RecordSource, planner: Planner, options: SubmitOptions, on_progress: OnProgress
    ) -> Submission:
        """Submit an opened source.

        A job that fails midway is closed, or stays open if its key allows to continue.
        """
        session = self._run(self._steps.open(planner.settings, options, source.names))
        if session.job.outcome is not None:
            return Submission(session.job, continued=True)
        tasks = WorkList.of(source, planner, session, on_progress)
        try:
            self._sender.send_all(self._steps.chunk_steps(session), tasks, tasks.sent)
            job = self._run(self._steps.seal(session, tasks.rows_total))
        except JobClosedError:
            job = self._run(self._steps.job(session))
        except BaseException as exc:
            self._run(self._steps.abandon(session, options, exc))
            raise
        return submission(job, session, tasks, source)

    def _run(self, steps: Steps[Any]) -> Any:
        return run(steps, self._execute)


def submission(job: Job, session: JobSession, tasks: WorkList, source: RecordSource) -> Submission:
    """Return the result of a submit that has ended with ``job``."""
    done = tasks.progress
    return Submission(
        job,
        session.continued,
        done.chunks_sent,
        done.chunks_skipped,
        source.bytes_read,
        size_warnings(session.settings.engine, session.settings.chunk_bytes),
    )
