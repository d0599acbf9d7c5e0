"""The steps of a submit.

The calls for the job, and for each chunk's objects, intent and invocation. A chunk has four
phases, because executors overlap them differently. `upload` may run for many chunks at once.
`record` runs in the order of the input, so that the ledger always holds the input up to some row,
without a gap. `invoke` may again run for many chunks at once, and `confirm` records the answers to
several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.csv_text.records import split_records
from tailrace_core.csv_text.rejects import write_rejects
from tailrace_core.errors import InputError, JobKeyError, PermanentError, TailraceError
from tailrace_core.invocations import invoke
from tailrace_core.jobs import window
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.limits import no_row_sent_reason
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.split_budget import split_grant
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import OpenOutcome
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum, to_s3_crc32
from tailrace_core.positions.canary_draws import draw_layout
from tailrace_core.submission.finishing import publish_call
from tailrace_core.submission.options import differences, fingerprint
from tailrace_core.submission.resuming import PreviousChunks

if TYPE_CHECKING:
    from tailrace_core.messages.events import PartReady
    from tailrace_core.records.cutting import Content
    from tailrace_core.submission.planning import ChunkPlan
    from tailrace_core.submission.resources import Resources

DUE_S = 300.0
"""When the reconciler first checks a chunk, counted from the intent and again from the
invocation."""


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """A planned chunk to send; ``recorded`` is set when it only has to be invoked again."""

    plan: ChunkPlan
    recorded: Chunk | None
    number: int = 0
    """Number of the chunk in its job, from 0."""

    @property
    def is_plain(self) -> bool:
        """True if the chunk is new and has rows to send."""
        return self.recorded is None and bool(self.plan.rows_sent)


class NextStep(StrEnum):
    """Next step for a planned chunk, given its record in the ledger."""

    SKIP = "nothing"
    INVOKE_AGAIN = "invoke_again"
    """It is recorded, but the submit that did so died before it confirmed the invocation."""
    SEND = "everything"


class JobClosedError(TailraceError):
    """The job takes no chunks any more: it was closed while it was being submitted."""


@dataclass(frozen=True, slots=True)
class JobSession:
    """A job that is being submitted, and its chunks from earlier submits."""

    job: Job
    settings: JobSettings
    recorded: PreviousChunks
    continued: bool = False

    @property
    def takes_chunks(self) -> bool:
        """True while the job takes chunks; otherwise the input is only compared."""
        return self.job.state is JobState.SUBMITTING


def next_step(recorded: Chunk | None) -> NextStep:
    """Choose the next step for a planned chunk.

    A waiting chunk is started later, when it fits the window.
    """
    if recorded is None:
        return NextStep.SEND
    if recorded.state is ChunkState.OPEN and not (recorded.invoked or recorded.parked or recorded.waiting):
        return NextStep.INVOKE_AGAIN
    return NextStep.SKIP


def open_job(
    ledger: DynamoSteps, job: Job, settings: JobSettings, key: str | None, description: JobDescription | None = None
) -> Steps[JobSession]:
    """Create the job, or open the job that the key was used for, which keeps its description.

    Raises:
        JobKeyError: the key was used with other settings, or its job is no longer in the ledger.
    """
    named = None if key is None else JobKey(key, fingerprint(settings))
    if (yield from ledger.create_job(job, settings, named, description)):
        return JobSession(job, settings, PreviousChunks(()))
    if named is None:
        raise InputError(f"job {job.job_id} exists already; submit again")
    return (yield from _continue(ledger, named, settings))


def _continue(ledger: DynamoSteps, key: JobKey, settings: JobSettings) -> Steps[JobSession]:
    found = yield from ledger.find_job_key(key.key)
    job = None if found is None else (yield from ledger.job(found[0]))
    before = None if found is None else (yield from ledger.settings(found[0]))
    if found is None or job is None or before is None:
        raise JobKeyError(f"the job of key {key.key!r} is not in the ledger any more; use another key", key=key.key)
    if found[1] != key.fingerprint:
        raise JobKeyError(
            f"job key {key.key!r} was used for job {job.job_id} with other settings ({differences(before, settings)}); "
            "submit with the same ones to continue it, or use another key",
            key=key.key,
            job_id=job.job_id,
        )
    chunks: list[Chunk] = []
    after = None
    while True:
        page, after = yield from ledger.chunks_page(job.job_id, after)
        chunks += page
        if not after:
            return JobSession(job, before, PreviousChunks(chunks, rows_total=job.rows_total), continued=True)


@dataclass(frozen=True, slots=True)
class ChunkSteps:
    """The steps of one job's chunks. ``now`` returns seconds since the epoch."""

    resources: Resources
    ledger: DynamoSteps
    job_id: str
    settings: JobSettings
    now: Callable[[], float]

    def upload(self, plan: ChunkPlan) -> Steps[None]:
        """Put the chunk's objects into the bucket; repeating this writes the same bytes."""
        rows = plan.range
        if plan.input:
            settings = self.settings
            layout = draw_layout(
                self.job_id, rows, plan.rows_sent, settings.canaries, guarded=settings.guarded_canaries
            )
            body = plan.input[0] if len(plan.input) == 1 else b"".join(plan.input)
            if layout.canaries:
                from tailrace_core.objects.request_frames import frame_of  # noqa: PLC0415 - few jobs have canaries
                from tailrace_core.positions.canaries import add_copies  # noqa: PLC0415 - as above

                body = add_copies(bytes(body), layout, frame_of(settings))
            known = None if layout.canaries else plan.input_checksum
            yield self._put(keys.input_key(self.job_id, rows), body, known, settings.content_type)
        if plan.kept:
            yield self._put(keys.kept_key(self.job_id, rows), b"".join(plan.kept))
        if plan.rejected:
            yield self._put(keys.rejects_key(self.job_id, rows), write_rejects(plan.rejected))
        if not plan.rows_sent:
            yield self._put(keys.part_key(self.job_id, rows), self._part(plan))

    def record(self, tasks: Sequence[ChunkTask]) -> Steps[list[Chunk | None]]:
        """Write the intents; return the chunk to `invoke` for each, or None if there is none.

        Chunks beyond the window are recorded as waiting.

        Raises:
            JobClosedError: the job takes no chunks any more.
        """
        if len(tasks) > 1 and all(task.is_plain for task in tasks):
            chunks = [self.new_chunk(task.plan, waits=self._waits(task)) for task in tasks]
            if (yield from self.ledger.open_chunks(chunks)):
                return [self._to_invoke(task, chunk) for task, chunk in zip(tasks, chunks, strict=True)]
        recorded = []
        for task in tasks:
            recorded.append((yield from self._record_one(task)))  # noqa: PERF401 - a comprehension cannot yield from
        return recorded

    def _record_one(self, task: ChunkTask) -> Steps[Chunk | None]:
        if task.recorded is not None:
            again = replace(task.recorded, attempt=task.recorded.attempt + 1, due_at=self.now() + DUE_S)
            return again if (yield from self.ledger.begin_attempt(again)) else None
        chunk = self.new_chunk(task.plan, waits=self._waits(task))
        if not task.plan.rows_sent:
            part = self._part(task.plan)
            chunk = replace(
                chunk,
                reason=no_row_sent_reason((each.row, each.reason) for each in task.plan.rejected),
                part_checksum=checksum(part),
                part_bytes=len(part),
                settled_at=self.now(),
            )
            # Effects come before the chunk is settled, so that a crash repeats them; the event's id
            # stays the same.
            yield self._publish(self._part_ready(chunk, part))
            self._require((yield from self.ledger.add_rejected(chunk)))
            return None
        self._require((yield from self.ledger.open_chunk(chunk)))
        return self._to_invoke(task, chunk)

    def _waits(self, task: ChunkTask) -> bool:
        return window.must_wait(task.number, self.settings.window)

    def new_chunk(self, plan: ChunkPlan, *, waits: bool) -> Chunk:
        """Return the chunk to record for a plan, at its first attempt unless it waits."""
        return Chunk(
            job_id=self.job_id,
            range=plan.range,
            attempt=0 if waits else 1,
            tries=0 if waits else 1,
            due_at=self.now() + DUE_S,
            rejected=len(plan.rejected),
            input_checksum=plan.source_checksum,
            split_grant=split_grant(plan.range, self.settings.rows_per_split),
        )

    def _to_invoke(self, task: ChunkTask, chunk: Chunk) -> Chunk | None:
        goes_on = not chunk.waiting or window.should_claim(task.number, self.settings.window)
        return chunk if goes_on else None

    def invoke(self, chunk: Chunk) -> Steps[list[Chunk]]:
        """Invoke the endpoint for a recorded chunk; return the attempts to `confirm`.

        For a chunk that waits, invoke the waiting chunks that fit the window, usually none.

        Raises:
            InputError: the endpoint does not exist (any more).
        """
        if not chunk.waiting:
            return (yield from self._invoke(chunk))
        job = yield from self.ledger.job(self.job_id)
        return [] if job is None else (yield from self.start_waiting(job))

    def start_waiting(self, job: Job) -> Steps[list[Chunk]]:
        """Invoke as many waiting chunks as fit the window; ``job`` is the job as just read.

        Returns the attempts to `confirm`.

        Raises:
            InputError: the endpoint does not exist (any more).
        """
        located: list[Chunk] = []
        for chunk in (yield from self.ledger.claim(job, self.settings.window, self.now() + DUE_S)):
            located += yield from self._invoke(chunk)
        return located

    def confirm(self, located: Sequence[Chunk]) -> Steps[None]:
        """Record the locations that the endpoint named for invoked attempts.

        An attempt's answer may be handled before. If the producer dies before, the reconciler makes
        another attempt.
        """
        if located:
            yield from self.ledger.confirm_all(located)

    def _invoke(self, chunk: Chunk) -> Steps[list[Chunk]]:
        """Invoke the endpoint for a started chunk; return it with the locations of its answer."""
        settings = self.settings
        try:
            answer = yield from invoke(chunk, settings, self.resources.invocation_targets, self.now())
        except PermanentError as exc:
            if "not found" in exc.message.lower() or "could not find" in exc.message.lower():
                raise InputError(
                    f"endpoint {settings.endpoint_name!r} is not there ({exc.message}); deploy it, or name another",
                    endpoint=settings.endpoint_name,
                ) from exc
            raise
        if answer is None:
            # The answer broke off, so the request may or may not be accepted. The reconciler
            # invokes the chunk again.
            return []
        invoked_at = self.now()
        return [
            replace(
                chunk,
                output_location=answer.output_location,
                failure_location=answer.failure_location,
                invoked_at=invoked_at,
                due_at=invoked_at + DUE_S,
            )
        ]

    def _put(self, key: str, body: Content, known: str | None = None, content_type: str = "text/csv") -> Call:
        # With a checksum given, botocore sends the body as it is; to calculate one, it would read
        # it in small pieces.
        params = {
            "Bucket": self.resources.bucket,
            "Key": key,
            "Body": body,
            "ContentType": content_type,
            "ChecksumCRC32": to_s3_crc32(known or checksum(body)),
        }
        return Call("s3", "put_object", params)

    def _part(self, plan: ChunkPlan) -> bytes:
        return unscored_part(plan, len(self.settings.output_columns))

    def _part_ready(self, chunk: Chunk, part: bytes) -> PartReady:
        from tailrace_core.messages.events import INLINE_BYTES, PartReady  # noqa: PLC0415 - brings pydantic, which most submits do not need

        return PartReady(
            event_id=PartReady.id_of(self.job_id, chunk.range),
            job_id=self.job_id,
            endpoint=self.settings.endpoint_name,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            rejected=chunk.rejected,
            location=self._location(keys.part_key(self.job_id, chunk.range)),
            rejects_location=self._location(keys.rejects_key(self.job_id, chunk.range)),
            size_bytes=len(part),
            checksum=checksum(part),
            columns=self.settings.result_columns,
            body=part.decode() if len(part) <= INLINE_BYTES else None,
        )

    def _publish(self, event: PartReady) -> Call:
        return publish_call(self.resources.results_topic, event)

    def _location(self, key: str) -> str:
        return f"s3://{self.resources.bucket}/{key}"

    def _require(self, opened: OpenOutcome) -> None:
        # EXISTS: another submit with the same key is ahead. Invoking twice does no harm; never
        # invoking does.
        if opened is OpenOutcome.CLOSED:
            raise JobClosedError(f"job {self.job_id} was closed while it was being submitted", job_id=self.job_id)


def unscored_part(plan: ChunkPlan, outputs: int) -> bytes:
    """Return the part of a chunk without a row to send.

    It has a line for each row, its prediction empty.
    """
    empty = b"," * (outputs - 1)
    if plan.kept:
        return b"".join(kept.removesuffix(b"\n") + b"," + empty + b"\n" for kept in split_records(b"".join(plan.kept)))
    # Readers of CSV would skip an empty line.
    return ((empty or b'""') + b"\n") * plan.range.rows
