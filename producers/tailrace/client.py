"""The sync client: `Tailrace`, over boto3."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, Self

from ulid import ULID

from tailrace.aws.connections import AwsConnection, Boto3Connection
from tailrace.aws.stacks import Stack, check_endpoint, find_stack
from tailrace.download import parts, targets
from tailrace.download.prefetch import read_ahead
from tailrace.download.safe_csv import escape_if
from tailrace.operations.facade import Operations
from tailrace.operations.results import ResultsReader
from tailrace.options import SubmitOptions
from tailrace.polling import PollSchedule
from tailrace.progress import DownloadProgress, JobProgress, OnProgress, silent
from tailrace.sources.source import Source
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace.submit.estimates import Estimate, estimate
from tailrace.submit.planning import planner_for
from tailrace.submit.submitter import Sender, Submission, Submitter
from tailrace.submit.threaded_sender import ThreadedSender
from tailrace_core.aws.calls import Call, run
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.errors import InputError, NotFoundError
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.manifest import Manifest

_CALLED = ("cloudformation", "sagemaker", "dynamodb", "s3", "sagemaker-runtime")
"""The services of a submit, in the order of their first calls."""

Names = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Tailrace:
    """A client of one deployed stack; a context manager. Its methods may be called from several threads.

    Nothing is asked of AWS before it is needed. All methods raise `InputError` for what the caller can mend,
    `TransientError` when AWS cannot be reached, `AccessDeniedError` when the identity may not do it, and
    `ConfigurationError` when credentials or a region are missing.
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
        return run(find_stack(self._name, self._connection.where), self._execute)

    @functools.cached_property
    def _steps(self) -> DynamoSteps:
        return DynamoSteps(self.stack.table)

    @functools.cached_property
    def _ledger(self) -> DynamoLedger:
        return DynamoLedger(self._steps, self._execute)

    def submit(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        on_progress: OnProgress = silent,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Submission:
        """Cut an input, upload it and have it scored; returns when everything is on its way.

        ``sources`` are paths, patterns, ``s3://`` addresses or ``-``; ``changes`` are fields of `SubmitOptions`.
        When it fails midway, a job without a key is closed; one with a key stays open to be continued.
        """
        options = replace(options or SubmitOptions(), **changes)
        with self._open(sources, options, stdin) as source:
            self._connection.prepare(_CALLED)
            endpoint = options.endpoint_name or self.stack.endpoint_name
            planner = planner_for(source.columns, source.header, options, endpoint_name=endpoint)
            run(check_endpoint(endpoint), self._execute)
            return self._submitter().submit(source, planner, options, on_progress)

    def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **changes: Any,
    ) -> Estimate:
        """What `submit` would do with the same arguments; reads the input, and asks and changes nothing in AWS."""
        options = replace(options or SubmitOptions(), **changes)
        with self._open(sources, options, stdin) as source:
            planner = planner_for(source.columns, source.header, options, endpoint_name="none")
            return estimate(planner.plan(source.blocks(), source.describe_position))

    def status(self, job_id: str) -> Job:
        """The job as it is now."""
        job = self._ledger.job(job_id)
        if job is None:
            raise InputError(f"stack {self._name} has no job {job_id}; list its jobs with `tailrace jobs`")
        return job

    def settings(self, job_id: str) -> JobSettings:
        """What the job was submitted with."""
        found = self._ledger.settings(job_id)
        if found is None:
            raise InputError(f"stack {self._name} has no job {job_id}; list its jobs with `tailrace jobs`")
        return found

    def jobs(self, limit: int = 20) -> list[Job]:
        """The newest jobs, newest first."""
        return self._ledger.jobs(limit)

    def wait(self, job_id: str, *, timeout_s: float | None = None, on_progress: OnProgress = silent) -> Job:
        """The job in its final state. Bounded by ``timeout_s``, and by the job's deadline and some slack.

        Raises:
            TimedOutError: the time is over; the job goes on.
        """
        schedule = PollSchedule(started_at=self._now(), timeout_s=timeout_s)
        while True:
            job = self.status(job_id)
            on_progress(JobProgress(job))
            if job.state.final:
                return job
            self._sleep(schedule.delay_s(job, self._now()))

    def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> Job:
        """Close a job that is under way: open chunks are cancelled, late results refused. The job as it is then."""
        if not self.status(job_id).state.final:
            self._submitter().close(job_id, JobState.CANCELLED, reason)
        return self.status(job_id)

    def manifest(self, job_id: str) -> Manifest:
        """The final summary of a job."""
        job = self.status(job_id)
        if not job.state.final:
            raise InputError(f"job {job_id} is {job.state}: wait for it first (tailrace wait {job_id})")
        try:
            body = self._read(parts.manifest_call(self.stack.bucket, job_id))
        except NotFoundError as exc:
            raise parts.missing_manifest_error(job, exc) from exc
        return parts.read_manifest(body, job)

    def download(
        self,
        job_id: str,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        safe_csv: bool = False,
        on_progress: OnProgress = silent,
    ) -> int:
        """Write the result of a completed job, header and rows in the input's order; how many rows there are.

        A file appears whole or not at all; a name that ends in ``.gz`` is compressed; ``-`` is standard output. With
        ``safe_csv`` it is for a spreadsheet: see `tailrace.download.safe_csv`.

        Raises:
            ContractError: a part is not what the manifest says.
        """
        if isinstance(target, (str, os.PathLike)):
            targets.check(target)
        parts.require_delivered(self.status(job_id))
        manifest = self.manifest(job_id)
        verifier = parts.PartVerifier(job_id)
        with targets.open_target(target) as opened, escape_if(opened, wanted=safe_csv) as file:
            file.write(parts.header_line(manifest.columns))
            for piece, data in self._slices(manifest):
                verifier.check(piece, data)
                file.write(data)
                on_progress(
                    DownloadProgress(
                        job_id=job_id,
                        rows=verifier.rows,
                        rows_total=manifest.rows_total,
                        size_bytes=verifier.size_bytes,
                    )
                )
            verifier.check_total(manifest)
        return verifier.rows

    def rejects(self, job_id: str) -> Iterator[Reject]:
        """The rejected rows of a finished job in order: position, reason, record as it stood in the input."""
        for key in parts.rejects_keys(self.manifest(job_id)):
            yield from read_rejects(self._read(Call("s3", "get_object", {"Bucket": self.stack.bucket, "Key": key})))

    @functools.cached_property
    def operations(self) -> Operations:
        """What operators do: parked chunks, dead letters."""
        return Operations(
            self.stack, self._ledger, execute=self._execute, read=self._read, now=self._now, new_id=self._new_id
        )

    def results(self, **options: Any) -> ResultsReader:
        """A reader of the stack's results queue, a context manager; ``options`` are those of `ResultsReader`."""
        return self.operations.results(**options)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside

    def _open(self, sources: Names, options: SubmitOptions, stdin: IO[bytes] | None) -> Source:
        names = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
        return Source.open(
            [os.fspath(name) for name in names],
            header=options.header,
            stdin=stdin or getattr(sys.stdin, "buffer", None),
            s3=self._connection.open_object,
        )

    def _submitter(self) -> Submitter:
        return Submitter(self.stack, self._execute, self._sender, now=self._now, new_id=self._new_id)

    def _execute(self, call: Call) -> Any:
        return self._connection.execute(call)

    def _read(self, call: Call) -> bytes:
        return self._connection.read_body(call)

    def _slices(self, manifest: Manifest) -> Iterator[tuple[parts.Slice, bytes]]:
        reads = (
            (piece, piece.size_bytes, functools.partial(self._read, piece.call(self.stack.bucket)))
            for piece in parts.slices(manifest)
        )
        return read_ahead(reads, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight)
