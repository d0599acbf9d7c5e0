"""A remote submit: it starts the stack's functions on the objects, and reads a first head alone.

The steps are those of `tailrace_core.submission.remote`; the two shells run them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from tailrace.progress import CuttingProgress, JobProgress
from tailrace.submit.async_submitter import opened_async, uncancelled
from tailrace.submit.submitter import Submission, opened
from tailrace_core.aws.calls import Call, Steps, run, run_async
from tailrace_core.engines import size_warnings
from tailrace_core.errors import AccessDeniedError, ContractError, InputError, PermanentError
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.submission.executions import NOT_CUT
from tailrace_core.submission.remote import RemoteInput, RemoteSteps, read_input
from tailrace_core.submission.submit_steps import SubmitSteps

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.progress.cutting import Cutting
    from tailrace_core.engines import Engine
    from tailrace_core.jobs.settings import JobSettings
    from tailrace_core.submission.chunk_steps import JobSession
    from tailrace_core.submission.options import SubmitOptions
    from tailrace_core.submission.striping.request import SourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCount:
    """The rows of an input, counted where it lies; sizes are in bytes, as stored."""

    rows: int
    objects: int
    source_bytes: int
    stripes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSubmit:
    """One submit of objects, to one stack, whose state machine has the ARN ``machine``.

    ``now`` gives seconds since the epoch, ``new_id`` makes job ids.
    """

    stack: Stack
    machine: str
    sources: Sequence[SourceName]
    options: SubmitOptions
    engine: Engine
    now: Callable[[], float]
    new_id: Callable[[], str]

    @property
    def endpoint_name(self) -> str:
        """Name of the endpoint that scores the rows."""
        return self.options.endpoint_name or self.stack.endpoint_name

    def settings(self) -> Steps[JobSettings]:
        """Return the settings that the job would have, from the head of the first object."""
        found = yield from self._read()
        return self._remote(self._submit(None)).settings(found, self.options, **self._model)

    def start(self, execute: Callable[[Call], Any], submitted_by: str | None) -> Submission:
        """Start the job, or find the one that the key was used for.

        A job without a key is closed when its execution cannot be started. ``submitted_by`` is the
        ARN of the identity that submits.
        """
        submit = self._submit(submitted_by)
        remote = self._remote(submit)
        found = run(self._read(), execute)
        session = opened(remote.open(found, self.options, **self._model), submit, self.options, execute)
        try:
            run(remote.launch(session, found, self.options), execute)
        except BaseException as exc:
            run(submit.abandon(session, self.options, exc), execute)
            raise
        return _submission(run(submit.job(session), execute), session)

    async def start_async(self, execute: Callable[[Call], Awaitable[Any]], submitted_by: str | None) -> Submission:
        """See `start`."""
        submit = self._submit(submitted_by)
        remote = self._remote(submit)
        found = await run_async(self._read(), execute)
        session = await opened_async(remote.open(found, self.options, **self._model), submit, self.options, execute)
        try:
            await run_async(remote.launch(session, found, self.options), execute)
        except BaseException as exc:
            await uncancelled(run_async(submit.abandon(session, self.options, exc), execute))
            raise
        return _submission(await run_async(submit.job(session), execute), session)

    def count(self, count_id: str) -> Steps[None]:
        """Start an execution that counts rows; `tailrace.operations.cutting` looks at it."""
        found = yield from self._read()
        yield from self._remote(self._submit(None)).count(count_id, found, self.options, **self._model)

    @property
    def _model(self) -> _Model:
        return {"endpoint_name": self.endpoint_name, "engine": self.engine}

    def _submit(self, submitted_by: str | None) -> SubmitSteps:
        return SubmitSteps(self.stack, now=self.now, new_id=self.new_id, submitted_by=submitted_by)

    def _remote(self, submit: SubmitSteps) -> RemoteSteps:
        return RemoteSteps(submit, self.stack, self.machine)

    def _read(self) -> Steps[RemoteInput]:
        return read_input(self.sources, self.options.header, self.options.source_format)


class _Model(TypedDict):
    endpoint_name: str
    engine: Engine


def _submission(job: Job, session: JobSession) -> Submission:
    settings = session.settings
    warnings = size_warnings(settings.engine, settings.chunk_bytes)
    return Submission(job, session.continued, warnings=warnings, remote=True)


def counting(count_id: str, now: float, deadline_s: float) -> Job:
    """Return what stands for a job in the progress of counting."""
    return Job(job_id=count_id, state=JobState.SUBMITTING, created_at=now, deadline_at=now + deadline_s, split_budget=0)


def counted(cutting: Cutting | None, count_id: str) -> RemoteCount:
    """Return what an execution that has ended has counted; None is one that may not be seen.

    Raises:
        InputError: the input cannot be cut.
        PermanentError: the execution ended otherwise than by its own work.
        AccessDeniedError: the identity may not see it, or the functions may not read the input.
    """
    if cutting is None:
        raise AccessDeniedError(
            f"the execution {count_id} that counts the rows cannot be seen: it takes states:DescribeExecution"
        )
    if cutting.state != "SUCCEEDED":
        raise failure(cutting)
    try:
        output = json.loads(cutting.output or "")
        return RemoteCount(
            rows=output["rows_total"],
            objects=output["objects"],
            source_bytes=output["size_bytes"],
            stripes=output["stripes"],
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise ContractError(f"execution {cutting.execution} has no counts in its output: {exc!r}") from exc


def require_cut(submitted: Submission, job: Job) -> Submission:
    """Return the submit with the job as it is when its input is cut.

    Raises:
        InputError: the input could not be cut, which closed the job.
    """
    was_open = submitted.job.state is JobState.SUBMITTING
    reason = job.reason or ""
    if was_open and job.outcome is JobState.FAILED and reason.startswith(NOT_CUT):
        error = InputError(reason, job_id=job.job_id)
        error.add_note(f"job {job.job_id} was closed as {JobState.FAILED}")
        raise error
    return replace(submitted, job=job)


class CuttingPatience:
    """Gives up on a job whose execution has ended while the job stays open.

    Whatever ends an execution early also has the job failed, within some seconds by its own
    steps or by an event of Step Functions.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ended_at: float | None = None

    def check(self, moment: JobProgress) -> None:
        """Raise an error if the execution ended long ago.

        Raises:
            PermanentError: it did; the message says how.
        """
        cutting = moment.cutting if isinstance(moment, CuttingProgress) else None
        if cutting is None or cutting.running:
            self._ended_at = None
            return
        self._ended_at = self._ended_at or self._now()
        if self._now() - self._ended_at > _PATIENCE_S:
            raise failure(cutting)


_PATIENCE_S = 300.0
_INPUT_ERRORS = frozenset({"InputError", "RecordError", "RecordTooLargeError", "UnclosedQuoteError", "JobKeyError"})


def failure(cutting: Cutting) -> InputError | PermanentError:
    """Return the error of an execution that failed, with the words of the function that did."""
    cause = cutting.cause or "no cause is known"
    try:
        told = json.loads(cause)
        cause = told["errorMessage"]
    except (ValueError, KeyError, TypeError):
        pass
    if cutting.error in _INPUT_ERRORS:
        return InputError(cause)
    if cutting.error == "AccessDeniedError":
        return AccessDeniedError(cause)
    return PermanentError(
        f"the execution {cutting.execution} ended as {cutting.state} ({cutting.error or 'no error is named'}: {cause})"
    )
