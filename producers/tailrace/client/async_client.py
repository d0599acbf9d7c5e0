"""The async client: `AsyncTailrace`, over aioboto3. Use it for many invocations a second.

It runs the same steps as the sync client, with tasks of the event loop. No AWS call takes a thread.
Each submit, estimate and download under way has one thread for its work on files
(`tailrace.sources.file_thread`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from typing import IO, Any, TypeVar, Unpack

from ulid import ULID

from tailrace.aws.async_connections import Aioboto3Connection
from tailrace.aws.callers import caller_arn
from tailrace.aws.stacks import Stack, check_endpoint
from tailrace.client.async_job import AsyncJob
from tailrace.client.async_jobs import AsyncSubmittedJobs
from tailrace.client.engine_choice import chosen_engine
from tailrace.client.polling import PollSchedule
from tailrace.client.submit_keywords import SubmitKeywords, lists_options, merged_options
from tailrace.client.sync_client import estimate_source
from tailrace.download.input_guard import refuse_input
from tailrace.models.opening import fitting_options
from tailrace.operations.cutting import CuttingLook
from tailrace.operations.results.methods import ReadsEventsAsync
from tailrace.progress import CuttingProgress, OnProgress, ShowProgress
from tailrace.progress.showing import showing
from tailrace.sources.file_thread import FileThread
from tailrace.sources.names import Names
from tailrace.sources.record_source import RecordSource
from tailrace.submit.async_submitter import AsyncSubmitter
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace.submit.estimates import Estimate
from tailrace.submit.remote_sources import machine_of, remote_sources
from tailrace.submit.remote_submit import RemoteCount, RemoteSubmit, counted, counting, require_cut
from tailrace.submit.submitter import Submission
from tailrace.submit.task_sender import TaskSender
from tailrace_core.aws.calls import Call
from tailrace_core.engines import Engine
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import planner_for
from tailrace_core.submission.submit_steps import SubmitSteps

T = TypeVar("T")


class AsyncTailrace(AsyncSubmittedJobs, ReadsEventsAsync):
    """`tailrace.Tailrace` with coroutines, to be used in ``async with``.

    Arguments and errors are the same.

    ``on_progress`` of a submit is called in the event loop and in the thread that cuts the input,
    ``on_progress`` of a download in the thread that writes it. The names of AWS are looked up in
    asyncio's default executor: at most one thread for each service that is being connected to.
    """

    def __init__(
        self,
        stack: str | None = None,
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
        super().__init__(
            stack,
            Aioboto3Connection(session=session, endpoint_url=endpoint_url, region=region, concurrency=concurrency),
            concurrency=concurrency,
            bytes_in_flight=bytes_in_flight,
            now=now,
            sleep=sleep,
        )
        self._new_id = new_id

    @lists_options
    async def submit(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        progress: ShowProgress = None,
        on_progress: OnProgress | None = None,
        stdin: IO[bytes] | None = None,
        output: str | os.PathLike[str] | None = None,
        remote: bool = False,
        **keywords: Unpack[SubmitKeywords],
    ) -> AsyncJob:
        """See `Tailrace.submit`. When it is cancelled, a job without a key is closed first."""
        self._require_entered()
        options = merged_options(options, keywords)
        async with AsyncExitStack() as opened:
            report = opened.enter_context(showing(on_progress or progress))
            if remote:
                return await self._submit_remotely(sources, options, output, report)
            files = await opened.enter_async_context(FileThread())
            source = await opened.enter_async_context(files.open(self._submitted(sources, options, stdin)))
            stack = await self.stack()
            endpoint = options.endpoint_name or stack.endpoint_name
            opener = self._connection.objects_for_threads()
            engine = await files.run(chosen_engine, sources, options, stack, opener)
            options = fitting_options(source, options)
            planner = planner_for(
                source.columns,
                source.header,
                options,
                endpoint_name=endpoint,
                engine=engine,
                by_stripes=source.lies_in_s3,
                source_format=source.source_format,
            )
            if output is not None:
                await files.run(lambda: refuse_input(output, planner.settings, s3=opener))
            if engine is not Engine.TRANSFORM:
                await self._run(check_endpoint(endpoint))
            sender = TaskSender(self._execute, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight)
            who = await self._run(caller_arn())
            steps = SubmitSteps(stack, now=self._now, new_id=self._new_id, submitted_by=who)
            submitter = AsyncSubmitter(steps, self._execute, sender)
            done = await submitter.submit(source, planner, options, report, files)
        return AsyncJob(self, done, self._name)

    async def job(self, job_id: str) -> AsyncJob:
        """See `Tailrace.job`."""
        return AsyncJob(self, Submission(await self.status(job_id), continued=True), self._name)

    @lists_options
    async def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **keywords: Unpack[SubmitKeywords],
    ) -> Estimate:
        """See `Tailrace.estimate`."""
        self._require_entered()
        options = merged_options(options, keywords)
        async with (
            FileThread() as files,
            files.open(self._submitted(sources, options, stdin)) as source,
        ):
            return await files.run(estimate_source, source, options)

    @lists_options
    async def count(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        progress: ShowProgress = None,
        **keywords: Unpack[SubmitKeywords],
    ) -> RemoteCount:
        """See `Tailrace.count`."""
        self._require_entered()
        options = merged_options(options, keywords)
        count_id, now = self._new_id(), self._now()
        with showing(progress) as report:
            submit = await self._remote_submit(sources, options)
            await self._run(submit.count(count_id))
            look = CuttingLook(submit.machine, count_id)
            schedule, job = PollSchedule(started_at=now, timeout_s=None), counting(count_id, now, options.deadline_s)
            while (found := await self._run(look.look())) is not None and found.running:
                report(CuttingProgress(job, found))
                await self._sleep_until_next_poll(schedule, job)
        return counted(found, count_id)

    async def _submit_remotely(
        self, sources: Names, options: SubmitOptions, output: str | os.PathLike[str] | None, report: OnProgress
    ) -> AsyncJob:
        submit = await self._remote_submit(sources, options)
        if output is not None:
            settings, objects = await self._run(submit.settings()), self._connection.objects_for_threads()
            async with FileThread() as files:
                await files.run(lambda: refuse_input(output, settings, s3=objects))
        if submit.engine is not Engine.TRANSFORM:
            await self._run(check_endpoint(submit.endpoint_name))
        done = await submit.start_async(self._execute, await self._run(caller_arn()))
        try:
            job = await self._watch_cutting(done.job_id, report)
        except BaseException as exc:
            exc.add_note(f"job {done.job_id} is being cut, and goes on; see it with `tailrace status {done.job_id}`")
            raise
        return AsyncJob(self, require_cut(done, job), self._name)

    async def _remote_submit(self, sources: Names, options: SubmitOptions) -> RemoteSubmit:
        found = remote_sources(sources, options)
        stack = await self.stack()
        async with FileThread() as files:
            objects = self._connection.objects_for_threads()
            engine = await files.run(chosen_engine, sources, options, stack, objects)
        return RemoteSubmit(
            stack=stack,
            machine=machine_of(stack),
            sources=found,
            options=options,
            engine=engine,
            now=self._now,
            new_id=self._new_id,
        )

    def _submitted(
        self, sources: Names, options: SubmitOptions, stdin: IO[bytes] | None
    ) -> Callable[[], AbstractContextManager[RecordSource]]:
        return self._source(
            sources,
            options.header,
            stdin,
            options.recipe,
            options.pattern,
            options.source_format,
            typed_tables=options.sends_json,
        )

    async def _stack_and_executor(self) -> tuple[Stack, Callable[[Call], Awaitable[Any]]]:
        return await self.stack(), self._execute

    def _dynamodb(self) -> Any:
        return self._connection.boto3_client("dynamodb")
