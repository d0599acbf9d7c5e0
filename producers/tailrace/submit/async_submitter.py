"""Submits an opened source in an event loop: the async shell of `tailrace.submit.submitter`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tailrace.progress import OnProgress
from tailrace.sources.file_thread import FileThread
from tailrace.sources.record_source import RecordSource
from tailrace.submit.submitter import Submission, submission
from tailrace.submit.task_sender import TaskSender
from tailrace.submit.worklist import WorkList
from tailrace_core.aws.calls import Call, Steps, run_async
from tailrace_core.submission.chunk_steps import JobClosedError, JobSession
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import Planner
from tailrace_core.submission.submit_steps import SubmitSteps

T = TypeVar("T")


class AsyncSubmitter:
    """Submits inputs to one stack. ``execute`` makes one call, ``sender`` sends the chunks."""

    def __init__(self, steps: SubmitSteps, execute: Callable[[Call], Awaitable[Any]], sender: TaskSender) -> None:
        self._steps = steps
        self._execute = execute
        self._sender = sender

    async def submit(
        self,
        source: RecordSource,
        planner: Planner,
        options: SubmitOptions,
        on_progress: OnProgress,
        files: FileThread,
    ) -> Submission:
        """See `tailrace.submit.submitter.Submitter.submit`.

        ``files`` is the thread that cuts the input.

        A job without a key is closed on cancellation too, before `asyncio.CancelledError` is
        raised.
        """
        opening = self._steps.open(planner.settings, options, source.names)
        session = await opened_async(opening, self._steps, options, self._execute)
        if session.job.outcome is not None:
            return Submission(session.job, continued=True)
        tasks = WorkList.of(source, planner, session, on_progress)
        try:
            await self._sender.send_all(self._steps.chunk_steps(session), tasks, tasks.sent, files)
            job = await run_async(self._steps.seal(session, tasks.rows_total), self._execute)
        except JobClosedError:
            job = await run_async(self._steps.job(session), self._execute)
        except BaseException as exc:
            await uncancelled(run_async(self._steps.abandon(session, options, exc), self._execute))
            raise
        return submission(job, session, tasks, source)


async def opened_async(
    opening: Steps[JobSession], steps: SubmitSteps, options: SubmitOptions, execute: Callable[[Call], Awaitable[Any]]
) -> JobSession:
    """See `tailrace.submit.submitter.opened`."""
    try:
        return await run_async(opening, execute)
    except BaseException as exc:
        if not isinstance(exc, Exception):
            await uncancelled(run_async(steps.abandon_opening(options, exc), execute))
        raise


async def uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` to its end.

    Cancellation is raised after it: a job must not stay open for an impatient caller.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        raise cancelled
    return task.result()
