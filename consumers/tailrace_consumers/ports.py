"""What the services need of the world, as roles. Adapters name the technology; the tests' fakes keep it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.messages.events import ChunkParked, JobFinished, PartReady, RetryDue

Clock = Callable[[], float]
"""Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is known of an object without reading it."""

    size_bytes: int
    metadata: Mapping[str, str]


class DeferToSerialError(Exception):
    """What is asked for takes too much to be done beside other things; nothing has been done for it yet."""


class ObjectStore(Protocol):
    """The stack's bucket. Keys are relative to it; methods raise `TransientError` and `AccessDeniedError` besides."""

    def with_read_limit(self, max_bytes: int) -> ObjectStore:
        """Return this bucket with a bound on reads.

        Reading an object of more than ``max_bytes`` raises `DeferToSerialError` before its first block.
        """

    def locate(self, key: str) -> str:
        """The location of a key, ``s3://bucket/key``."""

    def read(self, key: str) -> Iterator[bytes]:
        """The object's bytes in blocks of a megabyte at most. Raises `NotFoundError` when the first is asked for."""

    def head(self, key: str) -> StoredObject | None:
        """The object's size and metadata; None when it is not there."""

    def put(self, key: str, body: bytes) -> None:
        """Write the object, over what is there."""

    def put_new(self, key: str, blocks: Iterable[bytes], metadata: Callable[[], Mapping[str, str]]) -> bool:
        """Write an object that is not there yet, in bounded memory; False when it is there, and then nothing changes.

        ``metadata`` is asked once: when all blocks have been read if they are few, before that if they are many.
        Nothing of the object is left behind when reading the blocks fails.
        """

    def put_manifest(self, key: str, body: bytes) -> str:
        """Write a manifest and return its location."""


class Publisher(Protocol):
    """The results topic."""

    def publish(self, event: PartReady | JobFinished) -> None:
        """Publish the event; at least once."""


class RetryQueue(Protocol):
    """The queue of attempts to come."""

    def send(self, message: RetryDue, delay_s: int) -> None:
        """Make the message visible in ``delay_s`` seconds (0 to 900)."""


class ParkedQueue(Protocol):
    """The queue of what needs a person."""

    def send(self, event: ChunkParked) -> None:
        """Put the event there; at least once."""


class NotificationQueues(Protocol):
    """The queues that the endpoint's notifications arrive in."""

    def send(self, body: str, *, succeeded: bool) -> None:
        """Put a notification there that the endpoint should have sent."""


class Meter(Protocol):
    """Where measurements go."""

    def record(self, metric: str, value: float) -> None:
        """Note a value of what `tailrace_consumers.metrics.Metric` names."""


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """What the service answered: where the answer, or the failure, will lie."""

    output_location: str
    failure_location: str | None


class Invoker(Protocol):
    """The endpoint."""

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        """Ask for the chunk's current attempt.

        Raises:
            ThrottledError: too fast, or no capacity.
            TransientError: no answer.
            PermanentError: the endpoint is not there, or refuses the request.
        """
