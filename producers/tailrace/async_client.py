"""The async client: `AsyncTailrace`, over aioboto3. Use it for many invocations a second.

It runs the same steps as the sync client, with tasks of the event loop. No AWS call takes a thread.
Each submit, estimate and download under way has one thread for its work on files
(`tailrace.file_thread`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from typing import IO, Any, Self, TypeVar

from ulid import ULID

from tailrace.aws.async_connections import Aioboto3Connection
from tailrace.aws.stacks import Stack, check_endpoint, find_stack
from tailrace.client import estimate_source, open_source, source_records
from tailrace.download import parts, targets
from tailrace.download.async_prefetch import prefetch_async
from tailrace.download.input_guard import refuse_input, replaces_file
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace.download.result_writer import open_result
from tailrace.file_thread import FileThread
from tailrace.job_steps import JobSteps
from tailrace.operations.open_work import OpenWork
from tailrace.options import SubmitOptions
from tailrace.polling import PollSchedule
from tailrace.progress import JobProgress, OnProgress, silent
from tailrace.sources.names import Names
from tailrace.sources.source import Source
from tailrace.submit.async_submitter import AsyncSubmitter
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace.submit.estimates import Estimate
from tailrace.submit.planning import planner_for
from tailrace.submit.submitter import Submission, SubmitSteps
from tailrace.submit.task_sender import TaskSender
from tailrace_core.aws.calls import Call, Steps, run_async
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.model import Job, JobSettings
from tailrace_core.messages.manifest import Manifest

T = TypeVar("T")


class AsyncTailrace:
    """`tailrace.Tailrace` with coroutines, to be used in ``async with``.

    Arguments and errors are the same.

    ``on_progress`` of a submit is called in the event loop and in the thread that cuts the input,
    ``on_progress`` of a download in the thread that writes it. The names of AWS are looked up in
    asyncio's default executor: at most one thread for each service that is being connected to.
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
        self._entered = False
        self._stack: Stack | None = None
        self._finding_stack = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        self._entered = True
        return self

    async def __aexit__(self, *error: object) -> None:
        self._entered = False
        await self._connection.__aexit__(*error)

    async def stack(self) -> Stack:
        """Return the stack, looked up once by its outputs."""
        async with self._finding_stack:
            if self._stack is None:
                self._stack = await self._run(find_stack(self._name, self._connection.where))
            return self._stack

    async def submit(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        on_progress: OnProgress = silent,
        stdin: IO[bytes] | None = None,
        output: str | os.PathLike[str] | None = None,
        **changes: Any,
    ) -> Submission:
        """See `Tailrace.submit`. When it is cancelled, a job without a key is closed first."""
        self._require_entered()
        options = replace(options or SubmitOptions(), **changes)
        async with FileThread() as files, files.open(self._source(sources, options.header, stdin)) as source:
            stack = await self.stack()
            endpoint = options.endpoint_name or stack.endpoint_name
            planner = planner_for(source.columns, source.header, options, endpoint_name=endpoint)
            if output is not None:
                await files.run(refuse_input, output, planner.settings)
            await self._run(check_endpoint(endpoint))
            sender = TaskSender(self._execute, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight)
            submitter = AsyncSubmitter(SubmitSteps(stack, now=self._now, new_id=self._new_id), self._execute, sender)
            return await submitter.submit(source, planner, options, on_progress, files)

    async def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Estimate:
        """See `Tailrace.estimate`."""
        self._require_entered()
        options = replace(options or SubmitOptions(), **changes)
        async with FileThread() as files, files.open(self._source(sources, options.header, stdin)) as source:
            return await files.run(estimate_source, source, options)

    async def status(self, job_id: str) -> Job:
        """See `Tailrace.status`."""
        return await self._run((await self._jobs()).status(job_id))

    async def open_work(self, job_id: str) -> OpenWork:
        """See `Tailrace.open_work`."""
        return await self._run((await self._jobs()).open_work(job_id))

    async def settings(self, job_id: str) -> JobSettings:
        """See `Tailrace.settings`."""
        return await self._run((await self._jobs()).settings(job_id))

    async def jobs(self, limit: int = 20) -> list[Job]:
        """See `Tailrace.jobs`."""
        return await self._run((await self._jobs()).jobs(limit))

    async def wait(self, job_id: str, *, timeout_s: float | None = None, on_progress: OnProgress = silent) -> Job:
        """See `Tailrace.wait`."""
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        while True:
            job = await self.status(job_id)
            on_progress(JobProgress(job))
            if job.state.final:
                return job
            try:
                delay_s = schedule.delay_s(job, self._now())
            except TimedOutError as exc:
                if job.times_parked:
                    with contextlib.suppress(TailraceError):
                        (await self.open_work(job_id)).explain(exc, self._name)
                raise
            await self._sleep(delay_s)

    async def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> Job:
        """See `Tailrace.cancel`."""
        return await self._run((await self._jobs()).cancel(job_id, reason))

    async def manifest(self, job_id: str) -> Manifest:
        """See `Tailrace.manifest`."""
        return await self._run((await self._jobs()).manifest(job_id))

    async def download(
        self,
        job_id: str,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        safe_csv: bool = False,
        replace_input: bool = False,
        on_progress: OnProgress = silent,
    ) -> int:
        """See `Tailrace.download`. When it is cancelled, no file is left behind."""
        self._require_entered()
        async with FileThread() as files:
            if isinstance(target, (str, os.PathLike)):
                await files.run(targets.check, target)
                if not replace_input and await files.run(replaces_file, target):
                    await files.run(refuse_input, target, await self.settings(job_id))
            manifest = await self._run((await self._jobs()).result(job_id))
            bucket = (await self.stack()).bucket
            slices = prefetch_async(
                parts.slices(manifest),
                lambda piece: self._execute(piece.call(bucket)),
                concurrency=self._concurrency,
                bytes_in_flight=self._bytes_in_flight,
            )
            result = files.open(lambda: open_result(target, manifest, safe_csv=safe_csv, on_progress=on_progress))
            async with result as writer, aclosing(slices):
                async for piece, data in slices:
                    await files.run(writer.write, piece, data)
            return writer.rows

    async def rejects(
        self, job_id: str, *, source: Names | None = None, stdin: IO[bytes] | None = None
    ) -> AsyncGenerator[Reject, None]:
        """See `Tailrace.rejects`. Close it (`contextlib.aclosing`) if you stop early."""
        calls = await self._run((await self._jobs()).rejects_calls(job_id))
        if source is None:
            for call in calls:
                for reject in read_rejects(await self._execute(call)):
                    yield reject
            return
        settings = await self.settings(job_id)
        submitted = await self._run((await self._jobs()).submitted_ranges(job_id))
        async with FileThread() as files, files.open(self._source(source, settings.header, stdin)) as opened:
            records = source_records(opened, settings, submitted)
            for call in calls:
                for reject in await files.run(records.join_all, read_rejects(await self._execute(call))):
                    yield reject

    async def rejects_summary(self, job_id: str) -> RejectsSummary | None:
        """See `Tailrace.rejects_summary`."""
        return await self._run((await self._jobs()).rejects_summary(job_id))

    # -- inside

    async def _jobs(self) -> JobSteps:
        return JobSteps(await self.stack(), now=self._now)

    def _source(
        self, sources: Names, header: HeaderPolicy, stdin: IO[bytes] | None
    ) -> Callable[[], AbstractContextManager[Source]]:
        """Return a function that opens the input in another thread than the loop's."""
        open_object = self._connection.opener_for_threads()
        return lambda: open_source(sources, header, stdin, open_object)

    async def _run(self, steps: Steps[T]) -> T:
        return await run_async(steps, self._execute)

    async def _execute(self, call: Call) -> Any:
        self._require_entered()
        return await self._connection.execute(call)

    def _require_entered(self) -> None:
        if not self._entered:
            raise RuntimeError("use AsyncTailrace in `async with`")
