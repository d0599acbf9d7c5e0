"""What Tailrace publishes and sends: versioned, frozen, tolerant of fields that a newer version adds.

Every event has an ``event_id`` that follows from what it reports: an effect that is repeated carries the same id, and a
receiver drops the second one.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tailrace_core.errors import MessageError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.jobs.ranges import MAX_ROWS, RowRange
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json

INLINE_BYTES = 64 * 1024
"""A part of at most this size, in bytes, travels inside its event."""


EVENT_BYTES = 256 * 1024 - 4 * 1024
"""What an event may take as it is sent: SNS's limit, less its attributes."""

FirstRow = Annotated[int, Field(ge=0, lt=MAX_ROWS)]
Rows = Annotated[int, Field(ge=1, le=MAX_ROWS)]
Count = Annotated[int, Field(ge=0, le=MAX_ROWS)]
Attempt = Annotated[int, Field(ge=1)]


class _Message(BaseModel):
    # Built when first used: a function needs one or two of them, and its cold start would pay for all.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1

    def to_json(self) -> str:
        """The message as it is sent."""
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
    """Rows of the part that hold no prediction; their reasons are in the rejects object."""
    location: str
    rejects_location: str | None = None
    size_bytes: Annotated[int, Field(ge=0)]
    checksum: str
    """Of the part's bytes, as ``crc32:<8 hex digits>``."""
    columns: tuple[str, ...]
    """The header of the part's lines, which the part itself does not hold."""
    received_at: str | None = None
    """When the service took the request, as it said (ISO 8601)."""
    completed_at: str | None = None
    """When the service had the answer."""
    body: str | None = None
    """The part itself when it is small."""

    def without_large_body(self) -> PartReady:
        """The event as the topic takes it: without its body, when that (escaped as JSON) makes it too large."""
        if self.body is None or len(self.to_json().encode()) <= EVENT_BYTES:
            return self
        return self.model_copy(update={"body": None})

    @staticmethod
    def id_of(job_id: str, rows: RowRange) -> str:
        """The id of the event for this range."""
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
    rows_cancelled: Count
    reason: str | None = None
    manifest_location: str
    finished_at: float
    """Seconds since the epoch."""

    @classmethod
    def of(cls, job: Job, *, endpoint: str, manifest_location: str) -> JobFinished:
        """The event for a job that is being finished."""
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
    """As the service or the container said it."""
    input_location: str
    output_location: str | None = None
    failure_location: str | None = None
    advice: str
    """What a person can do next."""

    @staticmethod
    def id_of(job_id: str, rows: RowRange, attempt: int) -> str:
        """The id of the event for this attempt."""
        return f"ChunkParked:{job_id}:{rows.name}:{attempt}"


class RetryDue(_Message):
    """On the retries queue: invoke this attempt of a chunk when the message becomes visible."""

    type: Literal["RetryDue"] = "RetryDue"
    job_id: str
    first_row: FirstRow
    rows: Rows
    attempt: Attempt
    """The attempt to make; the one before must be the chunk's current one."""
    tries: Annotated[int, Field(ge=0)]
    """How many attempts will count then."""
    redrives: Annotated[int, Field(ge=0)] | None = None
    """How often a person will have redriven the chunk then; null when no person asked for this attempt."""
    reason: str

    @property
    def range(self) -> RowRange:
        """The chunk's rows."""
        return RowRange(self.first_row, self.rows)


class DiscardDue(_Message):
    """On the failed queue: a person gives a parked chunk up; its rows are to be rejected with the reason."""

    type: Literal["DiscardDue"] = "DiscardDue"
    job_id: str
    first_row: FirstRow
    rows: Rows
    attempt: Attempt
    """The attempt at which the chunk was parked; at another one the message does not count any more."""
    reason: str

    @property
    def range(self) -> RowRange:
        """The chunk's rows."""
        return RowRange(self.first_row, self.rows)


Published = Annotated[PartReady | JobFinished, Field(discriminator="type")]
"""What stands on the results topic."""

M = TypeVar("M", bound=_Message)


def decode(model: type[M], body: str) -> M:
    """The message in ``body``, bare or in SNS's envelope.

    Raises:
        MessageError: it is not one; keeps the bytes.
    """
    try:
        return model.model_validate(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not a {model.__name__}: {first_error(exc)}", raw=raw_bytes(body)) from exc


@cache
def _published() -> TypeAdapter[PartReady | JobFinished]:
    return TypeAdapter(Published)


def decode_published(body: str) -> PartReady | JobFinished:
    """The event in a message of the results queue, bare or in SNS's envelope.

    Raises:
        MessageError: it is not one; keeps the bytes.
    """
    try:
        return _published().validate_python(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not an event: {first_error(exc)}", raw=raw_bytes(body)) from exc


def message_attributes(event: PartReady | JobFinished) -> dict[str, dict[str, str]]:
    """The SNS message attributes that subscribers filter on."""
    values = {"type": event.type, "job_id": event.job_id, "endpoint": event.endpoint}
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
