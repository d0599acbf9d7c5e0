"""The start of a remote job: a job whose input is cut where it lies, by the stack's functions.

Whoever starts one (a client, or a function for a file that has arrived) reads the head of the first
object for the columns, opens the job, stores the request and starts an execution of the stack's
state machine. The rows pass through the functions alone. Needs NumPy for the columns, and
zstandard where the first object is compressed with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tailrace_core.aws.calls import BodyCall, Call, Steps
from tailrace_core.compression.decompression import decompress, peek
from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy, column_names, header_line
from tailrace_core.csv_text.heads import SNIFF_BYTES, FileHead
from tailrace_core.csv_text.json_heads import columns_of_lines, read_source_head
from tailrace_core.errors import ConditionFailedError, InputError, JobKeyError, NotFoundError
from tailrace_core.jobs.settings import SourceFormat
from tailrace_core.objects import keys
from tailrace_core.objects.listing import first_source
from tailrace_core.submission.chunk_steps import JobSession
from tailrace_core.submission.executions import execution_name
from tailrace_core.submission.planning import planner_for
from tailrace_core.submission.striping.comparing import other_input, require_same
from tailrace_core.submission.striping.request import CuttingRequest, SourceName

if TYPE_CHECKING:
    from tailrace_core.engines import Engine
    from tailrace_core.jobs.settings import JobSettings
    from tailrace_core.submission.options import SubmitOptions
    from tailrace_core.submission.resources import Resources
    from tailrace_core.submission.submit_steps import SubmitSteps

_HEAD_BYTES = (64 * 1024, 2 * 1024 * 1024, MAX_RECORD_BYTES + 64 * 1024)
"""How much of the first object is read, as long as its first record does not end. Compression may
add a little to data that cannot be made smaller."""
_MAX_EXECUTIONS = 1_000
"""An execution that ended goes on under another name; a job does not die so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInput:
    """The input of a remote job, of which the head is known.

    ``header`` is the header record without its line end, None for an input without one.
    """

    sources: tuple[SourceName, ...]
    columns: tuple[str, ...]
    header: bytes | None
    source_format: SourceFormat = SourceFormat.CSV

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objects and prefixes, for the job's description."""
        return tuple(
            f"s3://{each.bucket}/{each.key}{f' ({each.pattern})' if each.pattern else ''}" for each in self.sources
        )


def read_input(
    sources: Sequence[SourceName], policy: HeaderPolicy, source_format: SourceFormat | None = None
) -> Steps[RemoteInput]:
    """Read the columns of an input from the head of its first object.

    Without a ``source_format``, the content of that object decides. JSON Lines have a header too,
    the names of their columns. The version of an object that is named, and not below a prefix, is
    demanded from then on.

    Raises:
        InputError: there is no such object, none below a prefix, or the first one is no CSV.
    """
    first = sources[0]
    if first.is_prefix:
        listed = yield from first_source(first.bucket, first.key, first.pattern)
        opened = SourceName(bucket=first.bucket, key=listed.key, etag=listed.etag)
        head = yield from _read_head(opened, listed.size_bytes, source_format)
    else:
        opened, size_bytes = yield from _found(first)
        head = yield from _read_head(opened, size_bytes, source_format)
        sources = (opened, *sources[1:])
    record = head.first_record
    if head.is_lines:
        return _lines_input(sources, record, head.name, policy)
    return RemoteInput(
        sources=tuple(sources),
        columns=column_names(record, policy),
        header=None if policy is HeaderPolicy.NONE else record,
    )


def _lines_input(sources: Sequence[SourceName], record: bytes, name: str, policy: HeaderPolicy) -> RemoteInput:
    columns = columns_of_lines(record, name, policy)
    return RemoteInput(
        sources=tuple(sources),
        columns=columns,
        header=header_line(columns).removesuffix(b"\n"),
        source_format=SourceFormat.JSONL,
    )


class RemoteSteps:
    """The steps that start remote jobs; ``machine`` is the ARN of the stack's state machine.

    The executor has to know `BodyCall` (`tailrace_core.aws.calls.with_bodies`).
    """

    def __init__(self, submit: SubmitSteps, resources: Resources, machine: str) -> None:
        self._submit = submit
        self._resources = resources
        self._machine = machine

    def open(
        self, source: RemoteInput, options: SubmitOptions, *, endpoint_name: str, engine: Engine
    ) -> Steps[JobSession]:
        """Create the job, or find the one that the key was used for. `launch` goes on with it.

        Raises:
            InputError: the options do not fit the input.
            JobKeyError: the key was used with other settings, or by a submit of an older version.
        """
        session = yield from self._submit.open(
            self.settings(source, options, endpoint_name=endpoint_name, engine=engine), options, source.names
        )
        if session.takes_chunks and not session.settings.stripe_bytes:
            raise JobKeyError(
                f"job {session.job.job_id} of job key {options.job_key!r} was begun as one that is not cut by stripes; "
                "continue it without --remote, or use another key",
                key=options.job_key,
                job_id=session.job.job_id,
            )
        return session

    def launch(self, session: JobSession, source: RemoteInput, options: SubmitOptions) -> Steps[str | None]:
        """Store the request and start the execution; return its ARN.

        None if the job takes no chunks any more. Repeating this starts nothing twice: while an
        execution runs, the service returns it. If it has ended without an end of the job, another
        one goes on.

        Raises:
            JobKeyError: the job was begun with other objects.
            InputError: the stack's state machine is gone.
        """
        request = replace(_request(session.settings, source, options), deadline_at=session.job.deadline_at)
        if session.continued:
            yield from require_same(session, request, options.job_key, self._resources.bucket)
        if not session.takes_chunks:
            return None
        yield from self._store(session.job.job_id, request, options.job_key)
        return (yield from self._start(session.job.job_id, dry_run=False))

    def resume(self, job_id: str) -> Steps[str | None]:
        """Start the execution of a job whose request is stored; return its ARN, None without one.

        As with `launch`, repeating this starts nothing twice. The job takes chunks still.
        """
        try:
            yield Call("s3", "head_object", {"Bucket": self._resources.bucket, "Key": keys.cutting_request_key(job_id)})
        except NotFoundError:
            return None
        return (yield from self._start(job_id, dry_run=False))

    def count(
        self, count_id: str, source: RemoteInput, options: SubmitOptions, *, endpoint_name: str, engine: Engine
    ) -> Steps[str]:
        """Start an execution that counts rows and sends nothing; return its ARN.

        ``count_id`` is a new id that is no job's.
        """
        settings = self.settings(source, options, endpoint_name=endpoint_name, engine=engine)
        yield from self._store(count_id, _request(settings, source, options), None)
        return (yield from self._start(count_id, dry_run=True))

    def settings(
        self, source: RemoteInput, options: SubmitOptions, *, endpoint_name: str, engine: Engine
    ) -> JobSettings:
        """Return the settings of the job; those of the same submit without ``remote``.

        Raises:
            InputError: the options do not fit the input.
        """
        planner = planner_for(
            source.columns,
            source.header,
            options,
            endpoint_name=endpoint_name,
            engine=engine,
            by_stripes=True,
            source_format=source.source_format,
        )
        return planner.settings

    def _store(self, job_id: str, request: CuttingRequest, job_key: str | None) -> Steps[None]:
        key = keys.cutting_request_key(job_id)
        params = {
            "Bucket": self._resources.bucket,
            "Key": key,
            "Body": request.to_json().encode(),
            "ContentType": "application/json",
        }
        try:
            yield Call("s3", "put_object", {**params, "IfNoneMatch": "*"})
        except ConditionFailedError:
            stored = yield BodyCall("s3", "get_object", {"Bucket": self._resources.bucket, "Key": key})
            if CuttingRequest.from_json(stored) != request:
                raise other_input(job_id, job_key) from None

    def _start(self, job_id: str, *, dry_run: bool) -> Steps[str]:
        given = json.dumps({"job_id": job_id, "dry_run": dry_run})
        for number in range(1, _MAX_EXECUTIONS):
            params = {
                "stateMachineArn": self._machine,
                "name": execution_name(job_id, number),
                "input": given,
            }
            try:
                answer = yield Call("stepfunctions", "start_execution", params)
            except ConditionFailedError:
                # An execution of this name has ended.
                continue
            except NotFoundError as exc:
                raise InputError(f"the stack's state machine is not there ({exc.message}); deploy it again") from exc
            arn: str = answer["executionArn"]
            return arn
        raise InputError(f"job {job_id} has had {_MAX_EXECUTIONS} executions; cancel it, and submit it anew")


def _request(settings: JobSettings, source: RemoteInput, options: SubmitOptions) -> CuttingRequest:
    return CuttingRequest(
        sources=source.sources,
        settings=settings,
        header=None
        if source.header is None or source.source_format is not SourceFormat.CSV
        else source.header.decode(),
        on_bad_row=options.on_bad_row,
    )


def _found(source: SourceName) -> Steps[tuple[SourceName, int]]:
    """Look an object up; return it with its version, and its size in bytes."""
    params: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key}
    if source.version_id is not None:
        params["VersionId"] = source.version_id
    try:
        answer = yield Call("s3", "head_object", params)
    except NotFoundError as exc:
        raise InputError(
            f"there is no object s3://{source.bucket}/{source.key}, or no such bucket: check the name; a prefix ends "
            "with /"
        ) from exc
    if source.etag is not None and answer["ETag"] != source.etag:
        raise _changed(source)
    return replace(source, etag=answer["ETag"]), answer["ContentLength"]


def _read_head(source: SourceName, size_bytes: int, source_format: SourceFormat | None) -> Steps[FileHead]:
    name = f"s3://{source.bucket}/{source.key}"
    params: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key, "IfMatch": source.etag}
    if source.version_id is not None:
        params["VersionId"] = source.version_id
    for wanted in _HEAD_BYTES:
        data = b""
        if size_bytes:
            try:
                data = yield BodyCall("s3", "get_object", {**params, "Range": f"bytes=0-{wanted - 1}"})
            except (ConditionFailedError, NotFoundError) as exc:
                raise _changed(source) from exc
        is_whole = size_bytes <= wanted or wanted == _HEAD_BYTES[-1]
        head = _head_of(data, name, source_format, is_whole=is_whole)
        if head is not None:
            return head
    raise AssertionError("the last try reads the head or raises")


def _head_of(data: bytes, name: str, source_format: SourceFormat | None, *, is_whole: bool) -> FileHead | None:
    """Read the first record from the beginning of an object; None if it takes more of it."""
    unpacked = decompress(iter((data,) if data else ()), name)
    try:
        is_lines = None if source_format is None else source_format is SourceFormat.JSONL
        head = read_source_head(*peek(unpacked, SNIFF_BYTES), name, is_lines=is_lines)
    except InputError:
        # Compressed data that is cut off, perhaps.
        if is_whole:
            raise
        return None
    return head if is_whole or head.data.endswith(b"\n", 0, head.record_end) else None


def _changed(source: SourceName) -> InputError:
    """Return the error for an object that is not what it was when it was named."""
    return InputError(
        f"s3://{source.bucket}/{source.key} has changed or is gone since the job began: submit it anew",
        bucket=source.bucket,
        key=source.key,
    )
