"""StartJobs: from an object that arrived in the inbox to a job that is cut where it lies.

The job's key is a hash of bucket, key and version, so a repeated event changes nothing. Each step
may be repeated; a message that fails is delivered again and goes on where the steps ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from tailrace_consumers.files.cutting_resources import CuttingResources
from tailrace_consumers.files.inbox_names import BESIDE_RESULTS, INBOX_TAG, InboxFile, inbox_tag
from tailrace_consumers.files.outbox import Mark, put
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.settings import InboxSettings
from tailrace_core.aws.calls import BodyCall, Call, Steps, run
from tailrace_core.engines import Engine
from tailrace_core.errors import InputError, JobKeyError, NotFoundError, TransientError
from tailrace_core.jobs.description import MAX_SOURCE_CHARS
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.rules import truncate_reason
from tailrace_core.messages.arrivals import FileError, FileRefused, ObjectCreated
from tailrace_core.submission.closing import end_job
from tailrace_core.submission.option_objects import parse_options
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.remote import RemoteSteps, read_input
from tailrace_core.submission.striping.request import SourceName
from tailrace_core.submission.submit_steps import SubmitSteps

T = TypeVar("T")
_MAX_NAME_CHARS = 200


class StartJobs:
    """Starts jobs. ``execute`` carries out calls and knows `tailrace_core.aws.calls.BodyCall`."""

    def __init__(
        self,
        settings: InboxSettings,
        execute: Callable[[Call], Any],
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._execute = execute
        self._now = now
        self._resources = CuttingResources(settings)
        self._ledger = DynamoSteps(settings.ledger_table)
        submit = SubmitSteps(self._resources, now=now, new_id=new_id, submitted_by=None)
        self._remote = RemoteSteps(submit, self._resources, settings.cutting_machine)

    def start(self, event: ObjectCreated) -> Outcome:
        """Start the job of an object that arrived, or report why none is started.

        Raises:
            TailraceError: a call failed; the queue delivers the message again.
        """
        file = InboxFile.of(event.detail.object.key, event.detail.object.size)
        if file is None or event.detail.bucket.name != self._settings.bucket:
            return Outcome.NOT_OURS
        return self._run(self._start(event, file))

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _start(self, event: ObjectCreated, file: InboxFile) -> Steps[Outcome]:
        found = yield from self._ledger.find_job_key(event.identity)
        if found is not None and not (yield from self._lacks_request(found[0])):
            return Outcome.STALE
        try:
            self._check_name(event, file)
            source = yield from self._current(event)
            options = yield from self._options(event, file)
            read = yield from read_input([source], options.header, options.source_format)
            endpoint = options.endpoint_name or self._settings.endpoint_name
            session = yield from self._remote.open(
                read, options, endpoint_name=endpoint, engine=self._engine(options.via)
            )
        except JobKeyError as error:
            # Another delivery of the event opened the job with other options. It starts the job, or
            # has died, and this one comes again.
            raise TransientError(f"{event.location}: {error.message}") from error
        except InputError as error:
            if found is not None:
                yield from end_job(found[0], JobState.FAILED, error.message, resources=self._resources, now=self._now())
            else:
                yield from self._refuse(event, file, truncate_reason(error.message) or "")
            return Outcome.FILE_REFUSED
        yield from self._remote.launch(session, read, options)
        return Outcome.JOB_STARTED

    def _lacks_request(self, job_id: str) -> Steps[bool]:
        """Start the execution of a job that was opened, unless it runs, or ran to its end.

        True if the function died between the two: the job is to be opened and started again.
        """
        job = yield from self._ledger.job(job_id)
        if job is None or job.state is not JobState.SUBMITTING:
            return False
        return (yield from self._remote.resume(job_id)) is None

    def _check_name(self, event: ObjectCreated, file: InboxFile) -> None:
        if not file.is_plain or file.is_marker:
            raise InputError(
                f"{event.location} has a name with a folder . or .., or without an end behind its last /: give it "
                "another one"
            )
        if not file.takes_report or len(event.location) > MAX_SOURCE_CHARS:
            raise InputError(f"{event.location} has too long a name: take one of 400 characters at most")
        if file.name.endswith(BESIDE_RESULTS):
            raise InputError(
                f"{event.location} has a name that ends as those of the objects beside a result do "
                f"({', '.join(BESIDE_RESULTS)}): give it another one"
            )

    def _current(self, event: ObjectCreated) -> Steps[SourceName]:
        """Return the object in the version that arrived.

        Raises:
            InputError: it was deleted or overwritten meanwhile.
        """
        arrived = event.detail.object
        bucket = event.detail.bucket.name
        try:
            answer = yield Call("s3", "head_object", {"Bucket": bucket, "Key": arrived.key})
        except NotFoundError as exc:
            raise InputError(f"{event.location} was deleted before its job read it") from exc
        version = answer.get("VersionId")
        found = version if arrived.version_id else answer["ETag"].strip('"')
        same = found == (arrived.version_id or arrived.etag.strip('"'))
        if not same:
            raise InputError(
                f"{event.location} was overwritten before its job read it; the version that replaced it has a job of "
                "its own"
            )
        return SourceName(bucket=bucket, key=arrived.key, version_id=version, etag=answer["ETag"])

    def _options(self, event: ObjectCreated, file: InboxFile) -> Steps[SubmitOptions]:
        """Read the options beside the file, or those of its folder."""
        arrived = event.detail.object
        tags = {INBOX_TAG: inbox_tag(event)}
        for key in file.options_keys:
            try:
                body = yield BodyCall("s3", "get_object", {"Bucket": event.detail.bucket.name, "Key": key})
            except NotFoundError:
                continue
            options = parse_options(body, key, job_key=event.identity, tags=tags)
            break
        else:
            options = SubmitOptions(job_key=event.identity, tags=tags)
        return replace(options, name=arrived.key[-_MAX_NAME_CHARS:]) if options.name is None else options

    def _engine(self, via: Engine | str | None) -> Engine:
        """Return the engine of a job.

        Raises:
            InputError: the stack cannot infer that way.
        """
        kind = self._settings.endpoint_kind
        own = [] if kind == "none" else [Engine(kind)]
        has = [*own, Engine.TRANSFORM] if self._settings.batch_transform or not own else own
        if via is None:
            return has[0]
        if via not in has:
            raise InputError(f"this stack cannot score via {via}; it scores via {' or '.join(has)}")
        return Engine(via)

    def _refuse(self, event: ObjectCreated, file: InboxFile, reason: str) -> Steps[None]:
        """Put the report beside the results, then publish the event about it."""
        location = None
        if file.takes_report:
            location = f"s3://{self._settings.bucket}/{file.error_key}"
            report = FileError(
                location=event.location,
                version_id=event.detail.object.version_id,
                etag=event.detail.object.etag,
                reason=reason,
            )
            mark = Mark(event.detail.object.sequencer, event.identity)
            yield from put(self._settings.bucket, file.error_key, report.to_json().encode(), mark)
        refused = FileRefused.of(event, reason=reason, error_location=location)
        params = {"Message": refused.to_json(), "MessageAttributes": refused.attributes()}
        yield Call("sns", "publish", {"TopicArn": self._settings.results_topic, **params})
