"""Messages of the inbox: an object arrived, a file was refused, a delivery is to be continued."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailrace_core.errors import MessageError
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.decoding import first_error, raw_bytes, read_json
from tailrace_core.messages.events import Count, JobFinished, decode

OBJECT_CREATED = "Object Created"


class _Bucket(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    name: str = Field(min_length=1)


class ArrivedObject(BaseModel):
    """The object of an event. The key is as in the bucket, not URL-encoded."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    key: str = Field(min_length=1)
    size: Annotated[int, Field(ge=0)] = 0
    etag: str = Field(min_length=1)
    version_id: str | None = Field(default=None, alias="version-id")
    sequencer: str = ""
    """Hexadecimal number that grows with each write of the same key."""


class _Detail(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    bucket: _Bucket
    object: ArrivedObject


class ObjectCreated(BaseModel):
    """An event of EventBridge: an object was written. It may come again, late, or out of order."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    source: Literal["aws.s3"]
    time: str
    """Time of the write (ISO 8601)."""
    detail: _Detail

    @property
    def location(self) -> str:
        """Address of the object, ``s3://bucket/key``."""
        return f"s3://{self.detail.bucket.name}/{self.detail.object.key}"

    @property
    def identity(self) -> str:
        """Hash of bucket, key, and version (the ETag where the bucket keeps no versions)."""
        written = self.detail.object
        facts = [self.detail.bucket.name, written.key, written.version_id or written.etag]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def decode_arrival(body: str) -> ObjectCreated:
    """Decode a message of the inbox queue.

    Raises:
        MessageError: it is no such event; keeps the bytes.
    """
    try:
        return ObjectCreated.model_validate(read_json(body))
    except ValidationError as exc:
        raise MessageError(f"not an {OBJECT_CREATED} event: {first_error(exc)}", raw=raw_bytes(body)) from exc


class _InboxMessage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    schema_version: Literal[1] = 1

    def to_json(self) -> str:
        """Serialize the message as sent."""
        return self.model_dump_json(exclude_none=True)


class FileRefused(_InboxMessage):
    """A file of the inbox was refused: no job scores it."""

    type: Literal["FileRefused"] = "FileRefused"
    event_id: str
    location: str
    """Address of the file, ``s3://bucket/key``."""
    version_id: str | None = None
    etag: str
    arrived_at: str
    """Time of the arrival (ISO 8601)."""
    reason: str
    error_location: str | None = None
    """Address of the report in the outbox; null if the file's name leaves no room for one."""

    @classmethod
    def of(cls, event: ObjectCreated, *, reason: str, error_location: str | None) -> FileRefused:
        """Build the event about a file; the same arrival gives the same id."""
        return cls(
            event_id=f"FileRefused:{event.identity[:32]}",
            location=event.location,
            version_id=event.detail.object.version_id,
            etag=event.detail.object.etag,
            arrived_at=event.time,
            reason=reason,
            error_location=error_location,
        )

    def attributes(self) -> dict[str, dict[str, str]]:
        """Return the SNS message attributes that subscribers filter on."""
        values = {"type": self.type, "schema_version": str(self.schema_version)}
        return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


class FileError(_InboxMessage):
    """The report at ``v1/outbox/<name>.error.json``: the file has no result, and why."""

    type: Literal["FileError"] = "FileError"
    location: str
    """Address of the file, ``s3://bucket/key``."""
    version_id: str | None = None
    etag: str | None = None
    reason: str
    state: JobState | None = None
    """The job's final state; null if the file was refused and no job began."""
    job_id: str | None = None
    rows_total: Count | None = None
    rows_scored: Count | None = None
    rows_rejected: Count | None = None
    rows_cancelled: Count | None = None
    manifest_location: str | None = None


class DeliveryDue(_InboxMessage):
    """On the outbox queue: go on with the delivery of a job's result to the outbox."""

    type: Literal["DeliveryDue"] = "DeliveryDue"
    job_id: str
    object: Literal["rejects", "result"] | None = None
    """The object that was being uploaded when the function's time ran out."""
    upload_id: str | None = None
    """The id of its multipart upload."""


def decode_delivery(body: str) -> DeliveryDue:
    """Decode a message of the outbox queue: a delivery to go on with, or a job that has finished.

    Raises:
        MessageError: it is neither; keeps the bytes.
    """
    data = read_json(body)
    if isinstance(data, dict) and data.get("type") == "JobFinished":
        return DeliveryDue(job_id=decode(JobFinished, body).job_id)
    return decode(DeliveryDue, body)
