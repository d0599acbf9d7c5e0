"""Submits an opened source: the sync shell that runs the steps.

`tailrace.submit.async_submitter` holds the async shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tailrace.submit.worklist import WorkList
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.engines import size_warnings
from tailrace_core.jobs.model import Job
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask, JobClosedError, JobSession

if TYPE_CHECKING:
    from tailrace.progress import OnProgress
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.submission.options import SubmitOptions
    from tailrace_core.submission.planning import Planner
    from tailrace_core.submission.submit_steps import SubmitSteps


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
    remote: bool = False
    """True if the stack's functions cut the input and send the chunks."""

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.job_id


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
        opening = self._steps.open(planner.settings, options, source.names)
        session = opened(opening, self._steps, options, self._execute)
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


def opened(
    opening: Steps[JobSession], steps: SubmitSteps, options: SubmitOptions, execute: Callable[[Call], Any]
) -> JobSession:
    """Run the steps that open a job. An interruption ends a job that was created meanwhile."""
    try:
        return run(opening, execute)
    except BaseException as exc:
        if not isinstance(exc, Exception):
            run(steps.abandon_opening(options, exc), execute)
        raise


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
