"""Submitted jobs: read them, wait for them, download their results. The sync shell, over boto3."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from tailrace.aws.stack_names import stack_name
from tailrace.aws.stacks import Stack, find_stack
from tailrace.client.job_steps import JobSteps
from tailrace.client.polling import PollSchedule, WorkLook
from tailrace.progress import CuttingProgress, JobProgress
from tailrace.progress.showing import showing
from tailrace.sources.origins import is_address
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.model import JobState

# What single methods need is imported there: a submit or a status starts in half of the time.
if TYPE_CHECKING:
    import io

    from tailrace.aws.connections import AwsConnection
    from tailrace.client.job_steps import HistoryRecord
    from tailrace.download.counts import Download
    from tailrace.download.object_upload import S3Target
    from tailrace.download.parts import Slice
    from tailrace.download.rejects_summary.summary import RejectsSummary
    from tailrace.download.result_stream import Part
    from tailrace.download.source_records import SourceRecords, SubmittedRange
    from tailrace.download.tables.column_types import ColumnTypes
    from tailrace.operations.cutting import CuttingLook
    from tailrace.operations.job_search import FoundJobs, JobFilter
    from tailrace.operations.open_work import OpenWork
    from tailrace.operations.report_data import ReportData
    from tailrace.progress import OnProgress, ShowProgress
    from tailrace.progress.cutting import Cutting
    from tailrace.sources.names import Names
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.csv_text.rejects import Reject
    from tailrace_core.jobs.description import DescribedJob
    from tailrace_core.jobs.model import Chunk, JobSettings
    from tailrace_core.jobs.model import Job as JobStatus
    from tailrace_core.jobs.settings import SourceFormat
    from tailrace_core.messages.manifest import Manifest
    from tailrace_core.submission.options import RecipeLike

T = TypeVar("T")
_SUBMIT_SERVICES = ("cloudformation", "sagemaker", "dynamodb", "s3", "sagemaker-runtime")
"""The services of a submit, in the order of their first calls."""


class SubmittedJobs:
    """The part of `Tailrace` for jobs that were submitted, which is all that a `Job` needs."""

    def __init__(
        self,
        stack: str | None,
        connection: AwsConnection,
        *,
        concurrency: int,
        bytes_in_flight: int,
        now: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._name = stack_name(stack)
        self._connection = connection
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight
        self._now = now
        self._sleep = sleep

    @functools.cached_property
    def stack(self) -> Stack:
        """The stack, looked up once by its outputs."""
        return self._run(find_stack(self._name, self._connection.where))

    def status(self, job_id: str) -> JobStatus:
        """Return the job as it is now."""
        return self._run(self._jobs.status(job_id))

    def open_work(self, job_id: str) -> OpenWork:
        """Return why chunks of the job are parked, and when its next attempt is due.

        Reads a bounded number of the job's chunks.
        """
        return self._run(self._jobs.open_work(job_id))

    def settings(self, job_id: str) -> JobSettings:
        """Return the settings that the job was submitted with."""
        return self._run(self._jobs.settings(job_id))

    def chunks(self, job_id: str) -> Iterator[Chunk]:
        """Yield the job's chunks by range, split ones included; some 1,000 are read at a time."""
        page, after = self._run(self._jobs.chunks_page(job_id))
        yield from page
        while after:
            page, after = self._run(self._jobs.chunks_page(job_id, after))
            yield from page

    def history(self, job_id: str) -> list[HistoryRecord]:
        """Return what went wrong in the job and what people decided, in the order of time.

        Reads all chunks of the job. Each chunk and the job itself keep up to 20 entries
        (`tailrace_core.jobs.history`).
        """
        return self._run(self._jobs.history(job_id))

    def report_data(self, job_id: str) -> ReportData:
        """Return what `tailrace report` shows of a finished job: three reads, whatever its size.

        They are a batch of the job's items, its manifest, and the first page of its chunks (1 MB),
        which holds their histories.
        """
        return self._run(self._jobs.report_data(job_id))

    def jobs(self, limit: int = 20) -> list[JobStatus]:
        """Return the newest jobs, newest first."""
        return self._run(self._jobs.jobs(limit))

    def describe(self, job_id: str) -> DescribedJob:
        """Return the job as it is now, with its name, tags, sources and submitter."""
        return self._run(self._jobs.describe(job_id))

    def find_jobs(self, wanted: JobFilter | None = None, *, limit: int = 20) -> FoundJobs:
        """Return the newest jobs that ``wanted`` chooses by state, tags and time, newest first."""
        from tailrace.operations.job_search import JobFilter

        return self._run(self._jobs.find(wanted or JobFilter(), limit))

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
        on_progress: OnProgress | None = None,
    ) -> JobStatus:
        """Return the job in its final state.

        Bounded by ``timeout_s`` in seconds, and by the job's deadline and some slack. ``progress``
        is a callback; True to show the progress, False for none; None shows it on a terminal and
        in a notebook. ``on_progress`` is the callback under its older name.

        Raises:
            TimedOutError: the time is over; the job goes on. Its notes say why chunks are parked,
                and with which command to go on.
        """
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        looks: list[CuttingLook] = []
        with showing(on_progress or progress) as report:
            work = WorkLook(report, now=self._now())
            while True:
                job = self.status(job_id)
                report(self._with_work(self._moment(job, looks), work))
                if job.state.final:
                    return job
                self._sleep_until_next_poll(schedule, job)

    def cutting(self, job_id: str) -> Cutting | None:
        """Return how far the stack's functions are with cutting the input of a remote job.

        None if the job is no remote one, or the identity may not see its execution.
        """
        look = self._cutting_look(job_id)
        return None if look is None else self._run(look.look())

    def parts(
        self, job_id: str, *, timeout_s: float | None = None, progress: ShowProgress = None
    ) -> Generator[Part, None, None]:
        """Yield the parts of a job's result in the order of rows, each as soon as it is there.

        Several are read ahead, within ``bytes_in_flight``. Time limit and progress are those of
        `wait`. Close it (`contextlib.closing`) if you stop early.

        Raises:
            TimedOutError: the time is over; the job goes on.
            InputError: at the end: the job ended early, so the parts are not the whole result.
            ContractError: a part is not what was recorded.
        """
        from tailrace.download.parts import require_delivered
        from tailrace.download.result_stream import checked_part, whole

        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        row = 0
        with showing(progress) as report:
            while True:
                job = self.status(job_id)
                report(JobProgress(job))
                settled, row = self._run(self._jobs.settled_from(job_id, row))
                with contextlib.closing(self._slices(map(whole, settled))) as slices:
                    for piece, data in slices:
                        yield checked_part(job_id, piece, data)
                if job.state.final:
                    require_delivered(job)
                    return
                self._sleep_until_next_poll(schedule, job)

    def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> JobStatus:
        """Close a job that is under way, and return it as it is then.

        Its open chunks are cancelled and late results are refused.
        """
        return self._run(self._jobs.cancel(job_id, reason))

    def manifest(self, job_id: str) -> Manifest:
        """Return the final summary of a job."""
        return self._run(self._jobs.manifest(job_id))

    def download(
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
        """Write a completed job's result, rows in the input's order; return its counts.

        A file, or an object of S3 (``s3://bucket/key``), appears whole or not at all. A name that
        ends in ``.gz`` or ``.zst`` is compressed; one in ``.parquet`` is Parquet, its columns typed
        as by `column_types`. ``-`` is standard output. With ``safe_csv`` it is for a spreadsheet:
        see `tailrace.download.safe_csv`. An existing file that has the columns of the job's input
        is refused, as it may be that input; with ``replace_input`` it is replaced. Without
        ``clobber`` nothing that exists is replaced. ``progress`` is that of `wait`.

        For an object of S3 in plain CSV, parts of 5 MiB and more are copied by S3 and do not pass
        through this process.

        Raises:
            InputError: the job has no whole result, or the target cannot be written.
            ContractError: a part is not what the manifest says.
        """
        from tailrace.download import parts, targets
        from tailrace.download.input_guard import refuse_input, replaces_file
        from tailrace.download.result_writer import ResultOptions, open_result

        if safe_csv:
            targets.require_csv(target)
        s3 = self._s3_target(target, clobber=clobber)
        if isinstance(target, (str, os.PathLike)):
            targets.check(target, clobber=clobber)
            if not replace_input and replaces_file(target):
                refuse_input(target, self.settings(job_id), s3=self._connection.objects)
        columns = self.column_types(job_id) if targets.is_parquet(target) else None
        manifest = self._run(self._jobs.result(job_id))
        written = ResultOptions(safe_csv=safe_csv, columns=columns, s3=s3)
        with showing(on_progress or progress) as report:
            if s3 is not None and (joined := self._join(s3, manifest, report, safe_csv=safe_csv)) is not None:
                return joined
            with open_result(target, manifest, written, report) as writer:
                for piece, data in self._slices(parts.slices(manifest)):
                    writer.write(piece, data)
            return writer.counts(targets.shown(target))

    def check_target(
        self, target: str | os.PathLike[str], *, sources: Iterable[str] = (), clobber: bool = True
    ) -> None:
        """Refuse a target that a download could not be written to. Leaves nothing behind.

        Raises:
            InputError: see `tailrace.download.targets.check`; for an address of S3, there is no
                such bucket, or without ``clobber`` the object exists.
            AccessDeniedError: the bucket may not be written to.
        """
        from tailrace.download import targets

        targets.check(target, sources=sources, clobber=clobber)
        if (s3 := self._s3_target(target, clobber=clobber)) is not None:
            s3.check()

    def result(self, job_id: str) -> io.BufferedReader:
        """Return a completed job's result as a binary file to read from once; see `Job.result`."""
        from tailrace.download.parts import slices
        from tailrace.download.result_stream import open_stream, result_blocks

        manifest = self._run(self._jobs.result(job_id))
        return open_stream(result_blocks(manifest, self._slices(slices(manifest))))

    def column_types(self, job_id: str) -> ColumnTypes:
        """Return the columns of a job's result, in their order, with their types.

        Kept columns are text. The model's are what ``output_type`` or the job's first answers
        established; where every answer was a single row, nothing was established: text.
        """
        return self._run(self._jobs.column_types(job_id))

    def rejects(
        self,
        job_id: str,
        *,
        source: Names | None = None,
        stdin: IO[bytes] | None = None,
        recipe: RecipeLike | None = None,
        pattern: str | None = None,
    ) -> Iterator[Reject]:
        """Yield the rejected rows of a finished job in order: position, reason, original record.

        The pipeline knows the columns that were sent or kept: in a record, the others are empty.
        With ``source``, all that was submitted (with its ``pattern``, if it had one), each record
        is the original one, byte for byte. Memory holds one chunk of it at a time. Rows that were
        submitted with a ``recipe`` need it again; their records are the prepared ones.

        Raises:
            InputError: ``source`` is not what was submitted, as its recorded checksums tell.
        """
        from tailrace_core.csv_text.rejects import read_rejects

        calls = self._run(self._jobs.rejects_calls(job_id))
        if source is None:
            for call in calls:
                yield from read_rejects(self._read(call))
            return
        from tailrace.models.opening import open_source

        settings = self.settings(job_id)
        submitted = self._run(self._jobs.submitted_ranges(job_id))
        given_format = submitted_format(settings)
        s3 = self._connection.objects
        with open_source(
            source, settings.header, stdin, s3, recipe, pattern, given_format, typed_tables=given_format is None
        ) as opened:
            records = source_records(opened, settings, submitted)
            for call in calls:
                for reject in read_rejects(self._read(call)):
                    yield records.join(reject)

    def rejects_summary(self, job_id: str) -> RejectsSummary | None:
        """Return the most frequent reasons of a job's rejected rows, and values that explain them.

        None if no row was rejected. Makes at most some forty calls, so it may look at some of the
        rows only (``sampled``).
        """
        return self._run(self._jobs.rejects_summary(job_id))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside

    @functools.cached_property
    def _jobs(self) -> JobSteps:
        return JobSteps(self.stack, now=self._now)

    def _cutting_look(self, job_id: str) -> CuttingLook | None:
        if self.stack.cutting_machine is None:
            return None
        from tailrace.operations.cutting import CuttingLook

        return CuttingLook(self.stack.cutting_machine, job_id)

    def _moment(self, job: JobStatus, looks: list[CuttingLook]) -> JobProgress:
        """Return the progress of a job; while it is submitted, how far its input is cut remotely.

        ``looks`` holds what was learnt by the calls before.
        """
        if job.state is not JobState.SUBMITTING:
            return JobProgress(job)
        if not looks and (look := self._cutting_look(job.job_id)) is not None:
            looks.append(look)
        found = self._run(looks[0].look()) if looks else None
        return JobProgress(job) if found is None else CuttingProgress(job, found)

    def _with_work(self, moment: JobProgress, look: WorkLook) -> JobProgress:
        job = moment.job
        if look.due(job, self._now()):
            # A display must not end a wait.
            with contextlib.suppress(TailraceError):
                look.saw(self._run(self._jobs.open_work_of(job)))
        return look.on(moment)

    def _watch_cutting(self, job_id: str, report: OnProgress) -> JobStatus:
        """Return a remote job when its input is cut, or when it has ended before."""
        from tailrace.submit.remote_submit import CuttingPatience

        schedule, patience = PollSchedule(started_at=self._now(), timeout_s=None), CuttingPatience(self._now)
        looks: list[CuttingLook] = []
        while True:
            job = self.status(job_id)
            moment = self._moment(job, looks)
            report(moment)
            if job.state is not JobState.SUBMITTING:
                return job
            patience.check(moment)
            self._sleep_until_next_poll(schedule, job)

    def _s3_target(self, target: object, *, clobber: bool) -> S3Target | None:
        if not is_address(target):
            return None
        from tailrace.download.object_upload import S3Target

        return S3Target(str(target), self._execute, clobber)

    def _join(self, s3: S3Target, manifest: Manifest, report: OnProgress, *, safe_csv: bool) -> Download | None:
        from tailrace.download.joined_result import batches, open_joined, plan_joined

        plan = plan_joined(s3, manifest, safe_csv=safe_csv)
        if plan is None:
            return None
        with open_joined(s3, plan, manifest, bucket=self.stack.bucket, on_progress=report) as joined:
            for batch in batches(plan, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight):
                joined.upload(batch)
        return joined.counts()

    def _slices(self, pieces: Iterable[Slice]) -> Generator[tuple[Slice, bytes], None, None]:
        from tailrace.download.prefetch import prefetch

        return prefetch(
            pieces,
            lambda piece: self._read(piece.call(self.stack.bucket)),
            concurrency=self._concurrency,
            bytes_in_flight=self._bytes_in_flight,
        )

    def _sleep_until_next_poll(self, schedule: PollSchedule, job: JobStatus) -> None:
        try:
            delay_s = schedule.delay_s(job, self._now())
        except TimedOutError as exc:
            if job.times_parked:
                with contextlib.suppress(TailraceError):
                    self.open_work(job.job_id).explain(exc, self._name)
            raise
        self._sleep(delay_s)

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _execute(self, call: Call) -> Any:
        return self._connection.execute(call)

    def _read(self, call: Call) -> bytes:
        return self._connection.read_body(call)


def submitted_format(settings: JobSettings) -> SourceFormat | None:
    """Return the format to read a job's source in again.

    None if text and numbers were told apart: then its content decides, and tables are typed.
    """
    from tailrace_core.jobs.settings import SourceFormat

    return SourceFormat.CSV if settings.source_format is SourceFormat.CSV else None


def source_records(source: RecordSource, settings: JobSettings, submitted: Iterable[SubmittedRange]) -> SourceRecords:
    """Return the reader of original records of an opened source.

    Raises:
        InputError: it has other columns than the job's input.
    """
    from tailrace.download.source_records import SourceRecords, require_same_columns
    from tailrace_core.submission.planning import planned_cuts

    require_same_columns(source.columns, settings)
    boundaries = source.boundaries(settings.stripe_bytes)
    cuts = planned_cuts(source.blocks(), settings, source.describe_position, boundaries=boundaries)
    return SourceRecords(cuts, submitted)
