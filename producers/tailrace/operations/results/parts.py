"""The part of an event: inside it or in the bucket, and the proof that it is whole."""

from __future__ import annotations

import io
from typing import Protocol

from tailrace.operations.results.unknown import Event
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.errors import ContractError, InputError
from tailrace_core.messages.events import PartReady
from tailrace_core.objects.checksums import Checksum
from tailrace_core.objects.locations import parse_trusted

BLOCK_BYTES = 1024 * 1024


class Readable(Protocol):
    """The body of an answer of S3."""

    def read(self, size: int, /) -> bytes:
        """Read up to ``size`` bytes."""

    def close(self) -> None:
        """Close the connection."""


def require_part(event: Event) -> PartReady:
    """Return the event.

    Raises:
        InputError: it has no part.
    """
    if not isinstance(event, PartReady):
        raise InputError(f"{event.event_id} has no part: only PartReady events have one; read the job's manifest")
    return event


def part_params(event: PartReady, bucket: str) -> dict[str, str]:
    """Return bucket and key of the part.

    Raises:
        ContractError: the location is not that of a part of the job in the stack's bucket.
    """
    location = parse_trusted(event.location, bucket=bucket, prefix=f"v1/jobs/{event.job_id}/parts/")
    return {"Bucket": location.bucket, "Key": location.key}


def whole_part_call(event: PartReady, bucket: str) -> BodyCall:
    """Return the call that reads the whole part."""
    return BodyCall("s3", "get_object", part_params(event, bucket))


def streamed_part_call(event: PartReady, bucket: str) -> Call:
    """Return the call that opens the part for reading in pieces."""
    return Call("s3", "get_object", part_params(event, bucket))


class PartProof:
    """Proves the bytes of a part by the size and the checksum of its event."""

    def __init__(self, event: PartReady) -> None:
        self._event = event
        self._checksum = Checksum()

    def update(self, data: bytes) -> None:
        """Add the next bytes."""
        self._checksum.update(data)

    def finish(self) -> None:
        """Compare.

        Raises:
            ContractError: the bytes are not those that the event describes.
        """
        event, found = self._event, self._checksum
        if found.size_bytes != event.size_bytes:
            raise self._damaged(f"{found.size_bytes} bytes where the event says {event.size_bytes}")
        if str(found) != event.checksum:
            raise self._damaged(f"its checksum is {found}, the event says {event.checksum}")

    def _damaged(self, what: str) -> ContractError:
        return ContractError(
            f"the part {self._event.location} is damaged: {what}; do not use it", event_id=self._event.event_id
        )


def proved(event: PartReady, data: bytes) -> bytes:
    """Return the bytes of a part.

    Raises:
        ContractError: they are not those that the event describes.
    """
    proof = PartProof(event)
    proof.update(data)
    proof.finish()
    return data


class PartStream(io.RawIOBase):
    """A part as a binary stream.

    The last read raises `ContractError` when the part turns out to be damaged: what was read before
    is proved only when the stream has come to its end.
    """

    def __init__(self, event: PartReady, body: Readable) -> None:
        super().__init__()
        self._body = body
        self._proof = PartProof(event)
        self._ended = False

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Read into a buffer; 0 at the end.

        Raises:
            ContractError: the part is damaged.
        """
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed names no type for it
        if self._ended or not len(view):
            return 0
        data = self._body.read(len(view))
        if not data:
            self._ended = True
            self._proof.finish()
            return 0
        self._proof.update(data)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._body.close()
        super().close()
