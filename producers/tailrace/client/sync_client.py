"""The sync client: `Tailrace`, over boto3."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Unpack

from tailrace.aws.background import in_background
from tailrace.aws.connections import AwsConnection, Boto3Connection
from tailrace.client.polling import PollSchedule
from tailrace.client.submit_keywords import SubmitKeywords, lists_options, merged_options
from tailrace.client.sync_jobs import SubmittedJobs
from tailrace.operations.results.methods import ReadsEvents
from tailrace.progress import CuttingProgress
from tailrace.progress.showing import showing
from tailrace.submit.byte_budget import DEFAULT_BYTES
from tailrace_core.engines import Engine
from tailrace_core.jobs.identities import new_ulid

# What single methods need is imported there: a submit or a status starts in half of the time.
if TYPE_CHECKING:
    import os

    from tailrace.aws.stacks import Stack
    from tailrace.client.job import Job
    from tailrace.operations.facade import Operations
    from tailrace.progress import OnProgress, ShowProgress
    from tailrace.sources.names import Names
    from tailrace.sources.record_source import RecordSource
    from tailrace.submit.estimates import Estimate
    from tailrace.submit.remote_submit import RemoteCount, RemoteSubmit
    from tailrace.submit.submitter import Sender
    from tailrace_core.aws.calls import Call
    from tailrace_core.submission.options import SubmitOptions

_SUBMIT_SERVICES = ("cloudformation", "sagemaker", "dynamodb", "s3", "sagemaker-runtime")
"""The services of a submit, in the order of their first calls."""
_IMPORTED = (
    "tailrace.client.engine_choice",
    "tailrace.aws.callers",
    "tailrace.submit.submitter",
    "tailrace.submit.threaded_sender",
    "tailrace.client.job",
    "tailrace_core.submission.submit_steps",
    "uuid",
    "zlib_ng.zlib_ng",
)
"""Modules that a submit needs after its first answer, in the order of use; the last is optional."""
_CUTTING = "tailrace_core.records.screening"
"""Imports NumPy."""


class Tailrace(SubmittedJobs, ReadsEvents):
    """A client of one deployed stack; a context manager.

    Its methods may be called from several threads.

    It makes no AWS call before it has to. All methods raise `InputError` for what the caller can
    fix, `TransientError` when AWS cannot be reached, `AccessDeniedError` when the identity lacks a
    permission, and `ConfigurationError` when credentials or a region are missing.

    Args:
        stack: The name of the stack; by default that of the environment variable
            ``TAILRACE_STACK``.
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
        stack: str | None = None,
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
        new_id: Callable[[], str] = new_ulid,
    ) -> None:
        super().__init__(
            stack,
            connection
            or Boto3Connection(session=session, endpoint_url=endpoint_url, region=region, concurrency=concurrency),
            concurrency=concurrency,
            bytes_in_flight=bytes_in_flight,
            now=now,
            sleep=sleep,
        )
        self._sender = sender
        self._new_id = new_id

    @lists_options
    def submit(
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
    ) -> Job:
        """Cut an input, upload its chunks and invoke the endpoint for them.

        Returns when all of it is on its way. When it fails midway, a job without a key is closed;
        one with a key stays open to be continued.

        Args:
            sources: A path of a file or a directory, a pattern, ``s3://bucket/key``,
                ``s3://bucket/prefix/`` for all objects below it, ``-`` for standard input, a binary
                stream, bytes of CSV, a pandas or polars DataFrame, or an Arrow table (see
                `tailrace.sources.tables`); or a list of these in their order. Files and objects
                have to stay as they are until all is sent. A stream is read once, from where it
                stands, and stays open; to continue a job, give it again from the same place.
            options: All options in one object; keyword arguments replace its fields.
            progress: A callback for the progress; True to show it, False for none. None shows it on
                a terminal and in a notebook.
            on_progress: The callback under its older name.
            stdin: The stream that ``-`` stands for. None: the process's standard input.
            output: A file to which you will download the result: one that has the input's columns
                is refused before anything is sent.
            remote: Have the stack's functions read and cut the objects where they lie, and watch
                them. Every source is one of S3; the chunks are those of a submit without it. An
                interrupted call leaves the job going; so does an error while it watches. An input
                that cannot be cut closes the job, and is raised as without ``remote``.
            **keywords: The options, see `tailrace.client.submit_keywords.SubmitKeywords`.

        Raises:
            InputError: an option or the input is wrong.
            JobKeyError: the job key was used for another input or other options.
        """
        options = merged_options(options, keywords)
        if remote:
            with showing(on_progress or progress) as report:
                return self._submit_remotely(sources, options, output, report)
        with showing(on_progress or progress) as report, self._open(sources, options, stdin) as source:
            self._connection.prepare(_SUBMIT_SERVICES)
            # NumPy, above all, is imported while the stack is looked up.
            threading.Thread(target=_import_all, args=(source, options), name="tailrace-imports", daemon=True).start()
            endpoint = options.endpoint_name or self.stack.endpoint_name
            from tailrace.client.engine_choice import chosen_engine

            engine = chosen_engine(sources, options, self.stack, self._connection.objects)
            checked, submitter = self._look_up(None if engine is Engine.TRANSFORM else endpoint)
            from tailrace.client.job import Job
            from tailrace.models.opening import fitting_options
            from tailrace.submit.submitter import Submitter
            from tailrace.submit.threaded_sender import ThreadedSender
            from tailrace_core.submission.planning import planner_for
            from tailrace_core.submission.submit_steps import SubmitSteps

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
                from tailrace.download.input_guard import refuse_input

                refuse_input(output, planner.settings, s3=self._connection.objects)
            checked()
            sender = self._sender or ThreadedSender(
                self._execute, concurrency=self._concurrency, bytes_in_flight=self._bytes_in_flight
            )
            steps = SubmitSteps(self.stack, now=self._now, new_id=self._new_id, submitted_by=submitter())
            done = Submitter(steps, self._execute, sender).submit(source, planner, options, report)
        return Job(self, done, self._name)

    def job(self, job_id: str) -> Job:
        """Return the handle of a job that was submitted before."""
        from tailrace.client.job import Job
        from tailrace.submit.submitter import Submission

        return Job(self, Submission(self.status(job_id), continued=True), self._name)

    @lists_options
    def estimate(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        stdin: IO[bytes] | None = None,
        **keywords: Unpack[SubmitKeywords],
    ) -> Estimate:
        """Return what `submit` would do with the same arguments.

        Reads the input; reads and changes nothing else. A stream is at its end afterwards: seek
        back before you submit it.
        """
        options = merged_options(options, keywords)
        with self._open(sources, options, stdin) as source:
            return estimate_source(source, options)

    @lists_options
    def count(
        self,
        sources: Names,
        options: SubmitOptions | None = None,
        *,
        progress: ShowProgress = None,
        **keywords: Unpack[SubmitKeywords],
    ) -> RemoteCount:
        """Count the rows of objects of S3 where they lie: the dry run of a submit with ``remote``.

        The stack's functions read all of the objects. No job is made, and nothing is sent.

        Raises:
            InputError: an option or the input is wrong, or the stack has no such functions.
        """
        from tailrace.operations.cutting import CuttingLook
        from tailrace.submit.remote_submit import counted, counting

        options = merged_options(options, keywords)
        count_id, now = self._new_id(), self._now()
        with showing(progress) as report:
            submit = self._remote_submit(sources, options)
            self._run(submit.count(count_id))
            look = CuttingLook(submit.machine, count_id)
            schedule, job = PollSchedule(started_at=now, timeout_s=None), counting(count_id, now, options.deadline_s)
            while (found := self._run(look.look())) is not None and found.running:
                report(CuttingProgress(job, found))
                self._sleep_until_next_poll(schedule, job)
        return counted(found, count_id)

    def _submit_remotely(
        self, sources: Names, options: SubmitOptions, output: str | os.PathLike[str] | None, report: OnProgress
    ) -> Job:
        from tailrace.client.job import Job
        from tailrace.submit.remote_submit import require_cut

        submit = self._remote_submit(sources, options)
        if output is not None:
            from tailrace.download.input_guard import refuse_input

            refuse_input(output, self._run(submit.settings()), s3=self._connection.objects)
        checked, submitter = self._look_up(None if submit.engine is Engine.TRANSFORM else submit.endpoint_name)
        checked()
        done = submit.start(self._execute, submitter())
        try:
            job = self._watch_cutting(done.job_id, report)
        except BaseException as exc:
            exc.add_note(f"job {done.job_id} is being cut, and goes on; see it with `tailrace status {done.job_id}`")
            raise
        return Job(self, require_cut(done, job), self._name)

    def _remote_submit(self, sources: Names, options: SubmitOptions) -> RemoteSubmit:
        from tailrace.client.engine_choice import chosen_engine
        from tailrace.submit.remote_sources import machine_of, remote_sources
        from tailrace.submit.remote_submit import RemoteSubmit

        found = remote_sources(sources, options)
        return RemoteSubmit(
            stack=self.stack,
            machine=machine_of(self.stack),
            sources=found,
            options=options,
            engine=chosen_engine(sources, options, self.stack, self._connection.objects),
            now=self._now,
            new_id=self._new_id,
        )

    @functools.cached_property
    def operations(self) -> Operations:
        """The operators' methods: parked chunks, dead letters."""
        from tailrace.operations.facade import Operations
        from tailrace_core.ledger.dynamo_ledger import DynamoLedger
        from tailrace_core.ledger.dynamo_steps import DynamoSteps

        ledger = DynamoLedger(DynamoSteps(self.stack.table), self._execute)
        return Operations(
            self.stack, ledger, execute=self._execute, read=self._read, now=self._now, new_id=self._new_id
        )

    def _look_up(self, endpoint: str | None) -> tuple[Callable[[], None], Callable[[], str | None]]:
        """Check the endpoint, if the job has one, and look up who submits, both in the background.

        Returns the functions that wait for the two.
        """
        from tailrace.aws.callers import caller_arn
        from tailrace.aws.stacks import check_endpoint

        checked = in_background(lambda: None if endpoint is None else self._run(check_endpoint(endpoint)))
        return checked, in_background(lambda: self._run(caller_arn()))

    def _stack_and_executor(self) -> tuple[Stack, Callable[[Call], Any]]:
        return self.stack, self._execute

    def _dynamodb(self) -> Any:
        return self._connection.boto3_client("dynamodb")

    def _open(self, sources: Names, options: SubmitOptions, stdin: IO[bytes] | None) -> RecordSource:
        from tailrace.models.opening import open_source

        s3 = self._connection.objects
        return open_source(
            sources,
            options.header,
            stdin,
            s3,
            options.recipe,
            options.pattern,
            options.source_format,
            typed_tables=options.sends_json,
        )


def _import_all(source: RecordSource, options: SubmitOptions) -> None:
    """Import what a submit needs, in a thread. The thread that needs it meets the same errors.

    When the process ends meanwhile, some modules cannot be imported any more.
    """
    with contextlib.suppress(Exception):
        from tailrace.submit.worklist import probably_needs_numpy

        for name in (_CUTTING, *_IMPORTED) if probably_needs_numpy(source, options) else _IMPORTED:
            import_module(name)


def estimate_source(source: RecordSource, options: SubmitOptions) -> Estimate:
    """Read an opened source to its end and return the estimate of its submit."""
    from tailrace.models.opening import fitting_options
    from tailrace.submit.estimates import estimate
    from tailrace_core.submission.planning import planner_for

    options = fitting_options(source, options)
    planner = planner_for(
        source.columns,
        source.header,
        options,
        endpoint_name="none",
        by_stripes=source.lies_in_s3,
        source_format=source.source_format,
    )
    boundaries = source.boundaries(planner.settings.stripe_bytes)
    plan = planner.plan(source.blocks(), source.describe_position, source.known_rejects, boundaries=boundaries)
    return estimate(plan, planner.settings)
