"""The sync client: `Tailrace`, over boto3."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import IO, Any, Self, TypeVar

from ulid import ULID

from tailrace.aws.connections import AwsConnection, Boto3Connection
from tailrace.aws.stacks import Stack, check_endpoint, find_stack
from tailrace.download import parts, targets
from tailrace.download.input_guard import refuse_input, replaces_file
from tailrace.download.prefetch import prefetch
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace.download.result_writer import open_result
from tailrace.download.source_records import SourceRecords, SubmittedRange, require_same_columns
from tailrace.job_steps import JobSteps
from tailrace.operations.facade import Operations
from tailrace.operations.open_work import OpenWork
from tailrace.operations.results import ResultsReader
from tailrace.options import SubmitOptions
from tailrace.polling import PollSchedule
from tailrace.progress import JobProgress, OnProgress, silent
from tailrace.sources.names import Names, source_names
from tailrace.sources.origins import OpenObject
from tailrace.sources.source import Source
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace.submit.estimates import Estimate, estimate
from tailrace.submit.planning import planned_cuts, planner_for
from tailrace.submit.submitter import Sender, Submission, SubmitSteps, Submitter
from tailrace.submit.threaded_sender import ThreadedSender
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.model import Job, JobSettings
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.manifest import Manifest

T = TypeVar("T")
_SUBMIT_SERVICES = ("cloudformation", "sagemaker", "dynamodb", "s3", "sagemaker-runtime")
"""The services of a submit, in the order of their first calls."""


class Tailrace:
    """A client of one deployed stack; a context manager.

    Its methods may be called from several threads.

    It makes no AWS call before it has to. All methods raise `InputError` for what the caller can
    fix, `TransientError` when AWS cannot be reached, `AccessDeniedError` when the identity lacks a
    permission, and `ConfigurationError` when credentials or a region are missing.

    Args:
        stack: The name of the stack.
        session: A `boto3.Session` with other credentials than the default ones.
        endpoint_url: One address for all services.
        region: The region; by default the session's, then ``AWS_REGION``.
        concurrency: Uploads, invocations and reads at a time.
        bytes_in_flight: About how many bytes of chunks and of parts are held at most.
        connection: Makes the AWS calls, instead of a `Boto3Connection`.
        sender: Sends the chunks, instead of a `ThreadedSender`.
        now: Seconds since the epoch.
        sleep: Waits for so many seconds between two looks of `wait`.
        new_id: Makes job ids.
    """

    def __init__(
        self,
        stack: str,
        *,
        session: Any = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        concurrency: int = 8,
        bytes_in_flight: int = DEFAULT_BYTES,
        connection: AwsConnection | None = None,
        sender: Sender | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        new_id: Callable[[], str] = lambda: str(ULID()),
    ) -> None:
        self._name = stack
        self._connection = connection or Boto3Connection(
            session=session, endpoint_url=endpoint_url, region=region, concurrency=concurrency
        )
        self._sender = sender or ThreadedSender(self._execute, concurrency=concurrency, bytes_in_flight=bytes_in_flight)
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight
        self._now = now
        self._sleep = sleep
        self._new_id = new_id

    @functools.cached_property
    def stack(self) -> Stack:
        """The stack, looked up once by its outputs."""
        return self._run(find_stack(self._name, self._connection.where))

    def submit(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        on_progress: OnProgress = silent,
        stdin: IO[bytes] | None = None,
        output: str | os.PathLike[str] | None = None,
        **changes: Any,
    ) -> Submission:
        """Cut an input, upload its chunks and invoke the endpoint for them.

        Returns when all of it is on its way.

        ``sources`` is a path, a pattern, an ``s3://`` address, ``-`` or a binary stream, or a list
        of these in their order; ``changes`` are fields of `SubmitOptions`. A stream is read once,
        from where it stands, and stays open; to continue a job, give it again from the same place.
        ``output`` is a file to which you will download the result: one that has the input's columns
        is refused before anything is sent.
        When it fails midway, a job without a key is closed; one with a key stays
        open to be continued.
        """
        options = replace(options or SubmitOptions(), **changes)
        with self._open(sources, options, stdin) as source:
            self._connection.prepare(_SUBMIT_SERVICES)
            endpoint = options.endpoint_name or self.stack.endpoint_name
            planner = planner_for(source.columns, source.header, options, endpoint_name=endpoint)
            if output is not None:
                refuse_input(output, planner.settings)
            self._run(check_endpoint(endpoint))
            steps = SubmitSteps(self.stack, now=self._now, new_id=self._new_id)
            return Submitter(steps, self._execute, self._sender).submit(source, planner, options, on_progress)

    def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Estimate:
        """Return what `submit` would do with the same arguments.

        Reads the input; reads and changes nothing else. A stream is at its end afterwards: seek
        back before you submit it.
        """
        options = replace(options or SubmitOptions(), **changes)
        with self._open(sources, options, stdin) as source:
            return estimate_source(source, options)

    def status(self, job_id: str) -> Job:
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

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs, newest first."""
        return self._run(self._jobs.jobs(limit))

    def wait(self, job_id: str, *, timeout_s: float | None = None, on_progress: OnProgress = silent) -> Job:
        """Return the job in its final state.

        Bounded by ``timeout_s``, and by the job's deadline and some slack.

        Raises:
            TimedOutError: the time is over; the job goes on. Its notes say why chunks are parked,
                and with which command to go on.
        """
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        while True:
            job = self.status(job_id)
            on_progress(JobProgress(job))
            if job.state.final:
                return job
            try:
                delay_s = schedule.delay_s(job, self._now())
            except TimedOutError as exc:
                if job.times_parked:
                    with contextlib.suppress(TailraceError):
                        self.open_work(job_id).explain(exc, self._name)
                raise
            self._sleep(delay_s)

    def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> Job:
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
        on_progress: OnProgress = silent,
    ) -> int:
        """Write a completed job's result, rows in the input's order; return how many rows it has.

        A file appears whole or not at all; a name that ends in ``.gz`` is compressed; ``-`` is
        standard output. With ``safe_csv`` it is for a spreadsheet: see
        `tailrace.download.safe_csv`. An existing file that has the columns of the job's input is
        refused, as it may be that input; with ``replace_input`` it is replaced.

        Raises:
            InputError: the job has no whole result, or the target cannot be written.
            ContractError: a part is not what the manifest says.
        """
        if isinstance(target, (str, os.PathLike)):
            targets.check(target)
            if not replace_input and replaces_file(target):
                refuse_input(target, self.settings(job_id))
        manifest = self._run(self._jobs.result(job_id))
        with open_result(target, manifest, safe_csv=safe_csv, on_progress=on_progress) as writer:
            for piece, data in prefetch(
                parts.slices(manifest),
                lambda piece: self._read(piece.call(self.stack.bucket)),
                concurrency=self._concurrency,
                bytes_in_flight=self._bytes_in_flight,
            ):
                writer.write(piece, data)
        return writer.rows

    def rejects(self, job_id: str, *, source: Names | None = None, stdin: IO[bytes] | None = None) -> Iterator[Reject]:
        """Yield the rejected rows of a finished job in order: position, reason, original record.

        The pipeline knows the columns that were sent or kept: in a record, the others are empty.
        With ``source``, all that was submitted, each record is the original one, byte for byte.
        Memory holds one chunk of it at a time.

        Raises:
            InputError: ``source`` is not what was submitted, as its recorded checksums tell.
        """
        calls = self._run(self._jobs.rejects_calls(job_id))
        if source is None:
            for call in calls:
                yield from read_rejects(self._read(call))
            return
        settings = self.settings(job_id)
        submitted = self._run(self._jobs.submitted_ranges(job_id))
        with open_source(source, settings.header, stdin, self._connection.open_object) as opened:
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

    @functools.cached_property
    def operations(self) -> Operations:
        """The operators' methods: parked chunks, dead letters."""
        ledger = DynamoLedger(DynamoSteps(self.stack.table), self._execute)
        return Operations(
            self.stack, ledger, execute=self._execute, read=self._read, now=self._now, new_id=self._new_id
        )

    def results(self, **options: Any) -> ResultsReader:
        """Return a reader of the stack's results queue, a context manager.

        ``options`` are those of `ResultsReader`.
        """
        return self.operations.results(**options)

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

    def _open(self, sources: Names, options: SubmitOptions, stdin: IO[bytes] | None) -> Source:
        return open_source(sources, options.header, stdin, self._connection.open_object)

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _execute(self, call: Call) -> Any:
        return self._connection.execute(call)

    def _read(self, call: Call) -> bytes:
        return self._connection.read_body(call)


def open_source(sources: Names, header: HeaderPolicy, stdin: IO[bytes] | None, s3: OpenObject) -> Source:
    """Open the input of a submit. ``-`` is ``stdin``, or the process's standard input."""
    return Source.open(
        source_names(sources),
        header=header,
        stdin=stdin or getattr(sys.stdin, "buffer", None),
        s3=s3,
    )


def source_records(source: Source, settings: JobSettings, submitted: Iterable[SubmittedRange]) -> SourceRecords:
    """Return the reader of original records of an opened source.

    Raises:
        InputError: it has other columns than the job's input.
    """
    require_same_columns(source.columns, settings)
    return SourceRecords(planned_cuts(source.blocks(), settings, source.describe_position), submitted)


def estimate_source(source: Source, options: SubmitOptions) -> Estimate:
    """Read an opened source to its end and return the estimate of its submit."""
    planner = planner_for(source.columns, source.header, options, endpoint_name="none")
    return estimate(planner.plan(source.blocks(), source.describe_position), planner.settings)
