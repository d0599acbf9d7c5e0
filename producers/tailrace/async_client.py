"""The async client: `AsyncTailrace`, over aioboto3; the one to take for many invocations a second.

It is the sync client run beside the event loop, with its calls and its chunks carried out by tasks of the loop: one
plan, one order of steps, two ways to carry them out.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Self, TypeVar

from ulid import ULID

from tailrace.aws.async_connections import Aioboto3Connection, Bridge
from tailrace.aws.stacks import Stack
from tailrace.client import Names, Tailrace
from tailrace.options import SubmitOptions
from tailrace.polling import PollSchedule
from tailrace.progress import JobProgress, OnProgress, silent
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace.submit.estimates import Estimate
from tailrace.submit.submitter import Submission
from tailrace.submit.task_sender import TaskSender
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import Job, JobSettings
from tailrace_core.messages.manifest import Manifest

T = TypeVar("T")
_THREADS = 64
"""How many operations of one client may be under way; each has a thread that waits while the loop works."""


class _InterruptedError(BaseException):
    """Ends an operation in its thread as Ctrl-C would; asyncio's own cancellation means something else to executors."""


class AsyncTailrace:
    """`tailrace.Tailrace` with coroutines; to be used in ``async with``. Errors are the same.

    ``on_progress`` is called in other threads than the loop's.
    """

    def __init__(
        self,
        stack: str,
        *,
        session: Any = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        concurrency: int = 32,
        bytes_in_flight: int = DEFAULT_BYTES,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Any] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: str(ULID()),
    ) -> None:
        self._name = stack
        self._connection = Aioboto3Connection(
            session=session, endpoint_url=endpoint_url, region=region, concurrency=concurrency
        )
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight
        self._now = now
        self._sleep = sleep
        self._new_id = new_id
        self._exit = contextlib.AsyncExitStack()
        self._entered: tuple[Tailrace, ThreadPoolExecutor] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await self._exit.enter_async_context(self._connection)
        # Threads of our own: in a shared pool those that wait could take the place of those that are waited for.
        workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="tailrace-work")
        cutters = ThreadPoolExecutor(_THREADS, thread_name_prefix="tailrace-cut")
        self._exit.callback(workers.shutdown, wait=False)
        self._exit.callback(cutters.shutdown, wait=False)
        client = Tailrace(
            self._name,
            connection=Bridge(self._connection, loop),
            sender=TaskSender(
                self._connection.execute,
                loop,
                cutters,
                concurrency=self._concurrency,
                bytes_in_flight=self._bytes_in_flight,
            ),
            concurrency=self._concurrency,
            bytes_in_flight=self._bytes_in_flight,
            now=self._now,
            new_id=self._new_id,
        )
        self._entered = client, workers
        return self

    async def __aexit__(self, *error: object) -> None:
        self._entered = None
        await self._exit.aclose()

    async def stack(self) -> Stack:
        """The stack, looked up once by its outputs."""
        return await self._beside(lambda client: client.stack)

    async def submit(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        on_progress: OnProgress = silent,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Submission:
        """See `Tailrace.submit`. When it is cancelled, a job without a key is closed first."""
        stop = threading.Event()

        def report(moment: Any) -> None:
            # Called between two chunks: the place where a cancelled submit ends.
            if stop.is_set():
                raise _InterruptedError
            on_progress(moment)

        return await self._beside(
            lambda client: client.submit(sources, options, on_progress=report, stdin=stdin, **changes), stop
        )

    async def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Estimate:
        """See `Tailrace.estimate`."""
        return await self._beside(lambda client: client.estimate(sources, options, stdin=stdin, **changes))

    async def status(self, job_id: str) -> Job:
        """See `Tailrace.status`."""
        return await self._beside(lambda client: client.status(job_id))

    async def settings(self, job_id: str) -> JobSettings:
        """See `Tailrace.settings`."""
        return await self._beside(lambda client: client.settings(job_id))

    async def jobs(self, limit: int = 20) -> list[Job]:
        """See `Tailrace.jobs`."""
        return await self._beside(lambda client: client.jobs(limit))

    async def wait(self, job_id: str, *, timeout_s: float | None = None, on_progress: OnProgress = silent) -> Job:
        """See `Tailrace.wait`."""
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        while True:
            job = await self.status(job_id)
            on_progress(JobProgress(job))
            if job.state.final:
                return job
            await self._sleep(schedule.delay_s(job, self._now()))

    async def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> Job:
        """See `Tailrace.cancel`."""
        return await self._beside(lambda client: client.cancel(job_id, reason))

    async def manifest(self, job_id: str) -> Manifest:
        """See `Tailrace.manifest`."""
        return await self._beside(lambda client: client.manifest(job_id))

    async def download(
        self, job_id: str, target: str | os.PathLike[str] | IO[bytes], *, on_progress: OnProgress = silent
    ) -> int:
        """See `Tailrace.download`."""
        stop = threading.Event()

        def report(moment: Any) -> None:
            if stop.is_set():
                raise _InterruptedError
            on_progress(moment)

        return await self._beside(lambda client: client.download(job_id, target, on_progress=report), stop)

    async def rejects(self, job_id: str) -> AsyncIterator[Reject]:
        """See `Tailrace.rejects`."""
        found = await self._beside(lambda client: client.rejects(job_id))
        while True:
            each = await self._beside(lambda _: next(found, None))
            if each is None:
                return
            yield each

    async def _beside(self, operation: Callable[[Tailrace], T], stop: threading.Event | None = None) -> T:
        """Run an operation in a thread; when this is cancelled, it is told so and waited for."""
        if self._entered is None:
            raise RuntimeError("use AsyncTailrace in `async with`")
        client, workers = self._entered
        running = asyncio.get_running_loop().run_in_executor(workers, functools.partial(operation, client))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if stop is not None:
                stop.set()
            await asyncio.wait({running})
            running.exception()  # what it ended with is no news any more; asked for, it is not logged either
            raise
