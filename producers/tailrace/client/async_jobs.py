"""Submitted jobs, as in `tailrace.client.sync_jobs`: the async shell, over aioboto3."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager, aclosing
from typing import IO, Any, Self, TypeVar

from tailrace.aws.async_connections import Aioboto3Connection
from tailrace.aws.stack_names import stack_name
from tailrace.aws.stacks import Stack, find_stack
from tailrace.client.job_steps import HistoryRecord, JobSteps
from tailrace.client.polling import PollSchedule, WorkLook
from tailrace.client.sync_jobs import source_records, submitted_format
from tailrace.download import parts, targets
from tailrace.download.async_prefetch import prefetch_async
from tailrace.download.counts import Download
from tailrace.download.input_guard import refuse_input, replaces_file
from tailrace.download.joined_result import batches, open_joined, plan_joined
from tailrace.download.object_upload import S3Target
from tailrace.download.parts import PartVerifier, Slice, require_delivered
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace.download.result_stream import Part, checked_part, whole
from tailrace.download.result_writer import ResultOptions, open_result
from tailrace.download.tables.column_types import ColumnTypes
from tailrace.models.opening import open_source
from tailrace.operations.cutting import CuttingLook
from tailrace.operations.job_search import FoundJobs, JobFilter
from tailrace.operations.open_work import OpenWork
from tailrace.operations.report_data import ReportData
from tailrace.progress import CuttingProgress, JobProgress, OnProgress, ShowProgress
from tailrace.progress.cutting import Cutting
from tailrace.progress.showing import showing
from tailrace.sources.file_thread import FileThread
from tailrace.sources.names import Names
from tailrace.sources.origins import is_address
from tailrace.sources.record_source import RecordSource
from tailrace.submit.remote_submit import CuttingPatience
from tailrace_core.aws.calls import Call, Steps, run_async
from tailrace_core.csv_text.headers import HeaderPolicy, header_line
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.description import DescribedJob
from tailrace_core.jobs.model import Chunk, JobSettings, JobState
from tailrace_core.jobs.model import Job as JobStatus
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.messages.manifest import Manifest
from tailrace_core.submission.options import RecipeLike

T = TypeVar("T")


class AsyncSubmittedJobs:
    """The part of `AsyncTailrace` for submitted jobs, which is all that an `AsyncJob` needs."""

    def __init__(
        self,
        stack: str | None,
        connection: Aioboto3Connection,
        *,
        concurrency: int,
        bytes_in_flight: int,
        now: Callable[[], float],
        sleep: Callable[[float], Any],
    ) -> None:
        self._name = stack_name(stack)
        self._connection = connection
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight
        self._now = now
        self._sleep = sleep
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

    async def status(self, job_id: str) -> JobStatus:
        """See `Tailrace.status`."""
        return await self._run((await self._jobs()).status(job_id))

    async def open_work(self, job_id: str) -> OpenWork:
        """See `Tailrace.open_work`."""
        return await self._run((await self._jobs()).open_work(job_id))

    async def settings(self, job_id: str) -> JobSettings:
        """See `Tailrace.settings`."""
        return await self._run((await self._jobs()).settings(job_id))

    async def chunks(self, job_id: str) -> AsyncGenerator[Chunk, None]:
        """See `Tailrace.chunks`. Close it (`contextlib.aclosing`) if you stop early."""
        jobs, after = await self._jobs(), None
        while True:
            page, after = await self._run(jobs.chunks_page(job_id, after))
            for chunk in page:
                yield chunk
            if not after:
                return

    async def history(self, job_id: str) -> list[HistoryRecord]:
        """See `Tailrace.history`."""
        return await self._run((await self._jobs()).history(job_id))

    async def report_data(self, job_id: str) -> ReportData:
        """See `Tailrace.report_data`."""
        return await self._run((await self._jobs()).report_data(job_id))

    async def jobs(self, limit: int = 20) -> list[JobStatus]:
        """See `Tailrace.jobs`."""
        return await self._run((await self._jobs()).jobs(limit))

    async def describe(self, job_id: str) -> DescribedJob:
        """See `Tailrace.describe`."""
        return await self._run((await self._jobs()).describe(job_id))

    async def find_jobs(self, wanted: JobFilter | None = None, *, limit: int = 20) -> FoundJobs:
        """See `Tailrace.find_jobs`."""
        return await self._run((await self._jobs()).find(wanted or JobFilter(), limit))

    async def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
        on_progress: OnProgress | None = None,
    ) -> JobStatus:
        """See `Tailrace.wait`."""
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        looks: list[CuttingLook] = []
        with showing(on_progress or progress) as report:
            work = WorkLook(report, now=self._now())
            while True:
                job = await self.status(job_id)
                report(await self._with_work(await self._moment(job, looks), work))
                if job.state.final:
                    return job
                await self._sleep_until_next_poll(schedule, job)

    async def cutting(self, job_id: str) -> Cutting | None:
        """See `Tailrace.cutting`."""
        look = await self._cutting_look(job_id)
        return None if look is None else await self._run(look.look())

    async def parts(
        self, job_id: str, *, timeout_s: float | None = None, progress: ShowProgress = None
    ) -> AsyncGenerator[Part, None]:
        """See `Tailrace.parts`. Close it (`contextlib.aclosing`) if you stop early."""
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        row = 0
        with showing(progress) as report:
            while True:
                job = await self.status(job_id)
                report(JobProgress(job))
                settled, row = await self._run((await self._jobs()).settled_from(job_id, row))
                async with aclosing(await self._slices(map(whole, settled))) as slices:
                    async for piece, data in slices:
                        yield checked_part(job_id, piece, data)
                if job.state.final:
                    require_delivered(job)
                    return
                await self._sleep_until_next_poll(schedule, job)

    async def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> JobStatus:
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
        clobber: bool = True,
        progress: ShowProgress = None,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """See `Tailrace.download`. When it is cancelled, no file is left behind."""
        self._require_entered()
        async with FileThread() as files:
            if safe_csv:
                targets.require_csv(target)
            s3 = self._s3_target(target, clobber=clobber)
            if isinstance(target, (str, os.PathLike)):
                await files.run(lambda: targets.check(target, clobber=clobber))
                if not replace_input and await files.run(replaces_file, target):
                    settings, opener = await self.settings(job_id), self._connection.objects_for_threads()
                    await files.run(lambda: refuse_input(target, settings, s3=opener))
            columns = await self.column_types(job_id) if targets.is_parquet(target) else None
            manifest = await self._run((await self._jobs()).result(job_id))
            with showing(on_progress or progress) as report:
                if s3 is not None and (plan := plan_joined(s3, manifest, safe_csv=safe_csv)) is not None:
                    bucket = (await self.stack()).bucket
                    opened = files.open(lambda: open_joined(s3, plan, manifest, bucket=bucket, on_progress=report))
                    async with opened as joined:
                        for batch in batches(
                            plan, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight
                        ):
                            await files.run(joined.upload, batch)
                    return joined.counts()
                slices = await self._slices(parts.slices(manifest))
                written = ResultOptions(safe_csv=safe_csv, columns=columns, s3=s3)
                result = files.open(lambda: open_result(target, manifest, written, report))
                async with result as writer, aclosing(slices):
                    async for piece, data in slices:
                        await files.run(writer.write, piece, data)
            return writer.counts(targets.shown(target))

    async def check_target(
        self, target: str | os.PathLike[str], *, sources: Iterable[str] = (), clobber: bool = True
    ) -> None:
        """See `Tailrace.check_target`."""
        self._require_entered()
        async with FileThread() as files:
            await files.run(lambda: targets.check(target, sources=sources, clobber=clobber))
            if (s3 := self._s3_target(target, clobber=clobber)) is not None:
                await files.run(s3.check)

    async def result(self, job_id: str) -> AsyncGenerator[bytes, None]:
        """Yield a completed job's result in blocks of bytes; see `Job.result`.

        Close it (`contextlib.aclosing`) if you stop early.
        """
        manifest = await self._run((await self._jobs()).result(job_id))
        verifier = PartVerifier(job_id)
        yield header_line(manifest.columns)
        async with aclosing(await self._slices(parts.slices(manifest))) as slices:
            async for piece, data in slices:
                verifier.check(piece, data)
                yield data
        verifier.check_total(manifest)

    async def column_types(self, job_id: str) -> ColumnTypes:
        """See `Tailrace.column_types`."""
        return await self._run((await self._jobs()).column_types(job_id))

    async def rejects(
        self,
        job_id: str,
        *,
        source: Names | None = None,
        stdin: IO[bytes] | None = None,
        recipe: RecipeLike | None = None,
        pattern: str | None = None,
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
        given_format = submitted_format(settings)
        opening = self._source(
            source, settings.header, stdin, recipe, pattern, given_format, typed_tables=given_format is None
        )
        async with FileThread() as files, files.open(opening) as opened:
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

    async def _cutting_look(self, job_id: str) -> CuttingLook | None:
        machine = (await self.stack()).cutting_machine
        return None if machine is None else CuttingLook(machine, job_id)

    async def _moment(self, job: JobStatus, looks: list[CuttingLook]) -> JobProgress:
        """Return the progress of a job; while it is submitted, how far its input is cut remotely.

        ``looks`` holds what was learnt by the calls before.
        """
        if job.state is not JobState.SUBMITTING:
            return JobProgress(job)
        if not looks and (look := await self._cutting_look(job.job_id)) is not None:
            looks.append(look)
        found = await self._run(looks[0].look()) if looks else None
        return JobProgress(job) if found is None else CuttingProgress(job, found)

    async def _with_work(self, moment: JobProgress, look: WorkLook) -> JobProgress:
        job = moment.job
        if look.due(job, self._now()):
            # A display must not end a wait.
            with contextlib.suppress(TailraceError):
                look.saw(await self._run((await self._jobs()).open_work_of(job)))
        return look.on(moment)

    async def _watch_cutting(self, job_id: str, report: OnProgress) -> JobStatus:
        """Return a remote job when its input is cut, or when it has ended before."""
        schedule, patience = PollSchedule(started_at=self._now(), timeout_s=None), CuttingPatience(self._now)
        looks: list[CuttingLook] = []
        while True:
            job = await self.status(job_id)
            moment = await self._moment(job, looks)
            report(moment)
            if job.state is not JobState.SUBMITTING:
                return job
            patience.check(moment)
            await self._sleep_until_next_poll(schedule, job)

    def _s3_target(self, target: object, *, clobber: bool) -> S3Target | None:
        if not is_address(target):
            return None
        return S3Target(str(target), self._connection.executor_for_threads(), clobber)

    async def _slices(self, pieces: Iterable[Slice]) -> AsyncGenerator[tuple[Slice, bytes], None]:
        bucket = (await self.stack()).bucket
        return prefetch_async(
            pieces,
            lambda piece: self._execute(piece.call(bucket)),
            concurrency=self._concurrency,
            bytes_in_flight=self._bytes_in_flight,
        )

    async def _sleep_until_next_poll(self, schedule: PollSchedule, job: JobStatus) -> None:
        try:
            delay_s = schedule.delay_s(job, self._now())
        except TimedOutError as exc:
            if job.times_parked:
                with contextlib.suppress(TailraceError):
                    (await self.open_work(job.job_id)).explain(exc, self._name)
            raise
        await self._sleep(delay_s)

    def _source(
        self,
        sources: Names,
        header: HeaderPolicy,
        stdin: IO[bytes] | None,
        recipe: RecipeLike | None = None,
        pattern: str | None = None,
        source_format: SourceFormat | None = None,
        *,
        typed_tables: bool = False,
    ) -> Callable[[], AbstractContextManager[RecordSource]]:
        """Return a function that opens the input in another thread than the loop's."""
        objects = self._connection.objects_for_threads()
        return lambda: open_source(
            sources, header, stdin, objects, recipe, pattern, source_format, typed_tables=typed_tables
        )

    async def _run(self, steps: Steps[T]) -> T:
        return await run_async(steps, self._execute)

    async def _execute(self, call: Call) -> Any:
        self._require_entered()
        return await self._connection.execute(call)

    def _require_entered(self) -> None:
        if not self._entered:
            raise RuntimeError("use AsyncTailrace in `async with`")
