"""Events and messages that Tailrace publishes and sends.

They are versioned, frozen, and tolerant of fields that a newer version adds. The ``event_id`` of an
event follows from the reported fact: a repeated effect carries the same id, and a receiver drops
the copy.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tailrace_core.errors import MessageError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.identities import MAX_ATTEMPT
from tailrace_core.jobs.model import Chunk, Job, JobState
from tailrace_core.jobs.ranges import MAX_ROWS, RowRange
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json

INLINE_BYTES = 64 * 1024
"""Largest part, in bytes, that its event carries in its body."""

EVENT_BYTES = 256 * 1024 - 4 * 1024
"""Largest event as sent, in bytes: SNS's limit, less room for the attributes."""

FirstRow = Annotated[int, Field(ge=0, lt=MAX_ROWS)]
Rows = Annotated[int, Field(ge=1, le=MAX_ROWS)]
Count = Annotated[int, Field(ge=0, le=MAX_ROWS)]
Attempt = Annotated[int, Field(ge=1)]
RequestedAttempt = Annotated[int, Field(ge=1, le=MAX_ATTEMPT)]


class _Message(BaseModel):
    # Built on first use: a function needs one or two models, and its cold start would pay for all.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1

    def to_json(self) -> str:
        """Serialize the message as sent."""
        return self.model_dump_json(exclude_none=True)


class PartReady(_Message):
    """The result of one chunk stands in the bucket."""

    type: Literal["PartReady"] = "PartReady"
    event_id: str
    job_id: str
    endpoint: str
    first_row: FirstRow
    rows: Rows
    rejected: Count
    """Rows of the part without a prediction; the rejects object holds their reasons."""
    not_isolated: Count = 0
    """Those of them that were rejected with their chunk, because the split budget was spent."""
    location: str
    rejects_location: str | None = None
    size_bytes: Annotated[int, Field(ge=0)]
    checksum: str
    """Checksum of the part's bytes, as ``crc32:<8 hex digits>``."""
    columns: tuple[str, ...]
    """The header of the part's lines, which the part itself does not hold."""
    received_at: str | None = None
    """Time at which the service took the request, by its own account (ISO 8601)."""
    completed_at: str | None = None
    """Time at which the service had the answer (ISO 8601)."""
    body: str | None = None
    """The part itself if it is small."""

    def without_large_body(self) -> PartReady:
        """Drop the body if it, escaped as JSON, makes the event too large for the topic."""
        if self.body is None or len(self.to_json().encode()) <= EVENT_BYTES:
            return self
        return self.model_copy(update={"body": None})

    @staticmethod
    def id_of(job_id: str, rows: RowRange) -> str:
        """Return the id of the event for this range."""
        return f"PartReady:{job_id}:{rows.name}"


class JobFinished(_Message):
    """A job has come to its final state."""

    type: Literal["JobFinished"] = "JobFinished"
    event_id: str
    job_id: str
    endpoint: str
    state: JobState
    rows_total: Count
    rows_scored: Count
    rows_rejected: Count
    rows_not_isolated: Count = 0
    """Those of the rejected rows that were rejected with their chunk, because the split budget was
    spent."""
    rows_cancelled: Count
    reason: str | None = None
    manifest_location: str
    finished_at: float
    """Seconds since the epoch."""

    @classmethod
    def of(cls, job: Job, *, endpoint: str, manifest_location: str) -> JobFinished:
        """Build the event for a job in ``finishing``.

        Raises:
            ValueError: the job is not in ``finishing``.
        """
        if job.rows_total is None or job.finishing_at is None:
            raise ValueError(f"job {job.job_id} is not being finished: {job.state}")
        return cls(
            event_id=f"JobFinished:{job.job_id}",
            job_id=job.job_id,
            endpoint=endpoint,
            state=job.final_state,
            rows_total=job.rows_total,
            rows_scored=job.rows_scored,
            rows_rejected=job.rows_rejected,
            rows_not_isolated=job.rows_not_isolated,
            rows_cancelled=job.rows_cancelled,
            reason=job.reason,
            manifest_location=manifest_location,
            finished_at=job.finishing_at,
        )


class ChunkParked(_Message):
    """A chunk needs a person; everything to decide with is here."""

    type: Literal["ChunkParked"] = "ChunkParked"
    event_id: str
    job_id: str
    endpoint: str
    first_row: FirstRow
    rows: Rows
    attempt: Attempt
    redrives: Annotated[int, Field(ge=0)] = 0
    failure_class: FailureClass
    reason: str
    """Reason in the words of the service or the container."""
    input_location: str
    output_location: str | None = None
    failure_location: str | None = None
    advice: str
    """Advice on the next step for a person."""

    @staticmethod
    def id_of(job_id: str, rows: RowRange, attempt: int) -> str:
        """Return the id of the event for this attempt."""
        return f"ChunkParked:{job_id}:{rows.name}:{attempt}"


class RetryDue(_Message):
    """On the retries queue: invoke this attempt of a chunk when the message becomes visible."""

    type: Literal["RetryDue"] = "RetryDue"
    job_id: str
    first_row: FirstRow
    rows: Rows
    attempt: RequestedAttempt
    """Attempt to make; the one before must be the chunk's current attempt."""
    tries: Annotated[int, Field(ge=0)]
    """Counted attempts, this one included."""
    redrives: Annotated[int, Field(ge=0)] | None = None
    """Redrives of the chunk, this one included; null if no person asked for this attempt."""
    held_since: Count | None = None
    """Rows of the job that were scored when the chunk was held. If given, the attempt waits until
    more are scored, or until a probe is needed; see `tailrace_core.jobs.probing`."""
    reason: str
    requested_by: str | None = None
    """ARN of the person who asked for the attempt, as the sender states it."""
    requested_at: float | None = None
    """Time of the request, in seconds since the epoch."""
    note: str | None = None
    """The person's note."""

    @classmethod
    def of(
        cls,
        chunk: Chunk,
        *,
        attempt: int,
        tries: int,
        reason: str,
        redrives: int | None = None,
        held_since: int | None = None,
    ) -> RetryDue:
        """Build the message for an attempt of ``chunk``."""
        return cls(
            job_id=chunk.job_id,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            attempt=attempt,
            tries=tries,
            redrives=redrives,
            held_since=held_since,
            reason=reason,
        )

    @property
    def range(self) -> RowRange:
        """The chunk's rows."""
        return RowRange(self.first_row, self.rows)


class _Decision(_Message):
    """A person's decision about a parked chunk, on the failed queue."""

    job_id: str
    first_row: FirstRow
    rows: Rows
    attempt: RequestedAttempt
    """Attempt at which the chunk was parked; the message is stale at any other."""
    reason: str
    requested_by: str | None = None
    """ARN of the person, as the sender states it."""
    requested_at: float | None = None
    """Time of the request, in seconds since the epoch."""
    note: str | None = None
    """The person's reason or note alone."""

    @property
    def range(self) -> RowRange:
        """The chunk's rows."""
        return RowRange(self.first_row, self.rows)


class DiscardDue(_Decision):
    """On the failed queue: a person gives a parked chunk up; its rows are to be rejected with the reason."""

    type: Literal["DiscardDue"] = "DiscardDue"


class SplitDue(_Decision):
    """On the failed queue: a person has a parked chunk redriven in two halves, to find a bad row."""

    type: Literal["SplitDue"] = "SplitDue"


Published = Annotated[PartReady | JobFinished, Field(discriminator="type")]
"""An event on the results topic."""

M = TypeVar("M", bound=BaseModel)


def decode(model: type[M], body: str) -> M:
    """Decode the message in ``body``, bare or in SNS's envelope.

    Raises:
        MessageError: the body is no such message; keeps the bytes.
    """
    try:
        return model.model_validate(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not a {model.__name__}: {first_error(exc)}", raw=raw_bytes(body)) from exc


@cache
def _published() -> TypeAdapter[PartReady | JobFinished]:
    return TypeAdapter(Published)


def decode_published(body: str) -> PartReady | JobFinished:
    """Decode the event in a message of the results queue, bare or in SNS's envelope.

    Raises:
        MessageError: the body is no such event; keeps the bytes.
    """
    try:
        return _published().validate_python(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not an event: {first_error(exc)}", raw=raw_bytes(body)) from exc


def message_attributes(event: PartReady | JobFinished) -> dict[str, dict[str, str]]:
    """Return the SNS message attributes that subscribers filter on."""
    values = {
        "type": event.type,
        "job_id": event.job_id,
        "endpoint": event.endpoint,
        "schema_version": str(event.schema_version),
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
