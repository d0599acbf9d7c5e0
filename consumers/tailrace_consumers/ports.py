"""Ports of the services, named by role.

Adapters name the technology; the fakes in tests keep state in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tailrace_core.errors import TailraceError
from tailrace_core.invocations import InvocationResponse
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.messages.events import ChunkParked, JobFinished, PartReady, RetryDue
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.messages.scoring import ScoreDue

Clock = Callable[[], float]
"""Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's size and metadata, known without reading it."""

    size_bytes: int
    metadata: Mapping[str, str]


class DeferToSerialError(Exception):
    """The message needs too much memory to be handled beside others; it has had no effect yet."""


class ObjectStore(Protocol):
    """The stack's bucket.

    Keys are relative to it; every method may raise `TransientError` and `AccessDeniedError`.
    """

    def with_read_limit(self, max_bytes: int) -> ObjectStore:
        """Return this bucket with a bound on reads.

        Reading an object of more than ``max_bytes`` raises `DeferToSerialError` before its first
        block.
        """

    def locate(self, key: str) -> str:
        """Return the location of a key, ``s3://bucket/key``."""

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes in blocks of up to 1 MiB.

        The first ``next`` raises `NotFoundError` when the object does not exist.
        """

    def head(self, key: str) -> StoredObject | None:
        """Return the object's size and metadata; None when it does not exist."""

    def put(self, key: str, body: bytes) -> None:
        """Write the object, overwriting an existing one."""

    def put_new(self, key: str, blocks: Iterable[bytes], metadata: Callable[[], Mapping[str, str]]) -> bool:
        """Write a new object in bounded memory.

        Return False, and change nothing, when the key exists.

        ``metadata`` is called once: after all blocks of a small object, earlier for a large one.
        When reading the blocks fails, nothing of the object remains.
        """

    def put_manifest(self, key: str, body: bytes) -> str:
        """Write a manifest and return its location."""


class Publisher(Protocol):
    """The results topic."""

    def publish(self, event: PartReady | JobFinished) -> None:
        """Publish the event; at least once."""

    def publish_all(self, events: Sequence[PartReady]) -> list[TailraceError | None]:
        """Publish events together, each at least once.

        Returns None for each that was published, and the error of each other one.
        """


class RetryQueue(Protocol):
    """The queue of retries."""

    def send(self, message: RetryDue, delay_s: int) -> None:
        """Make the message visible in ``delay_s`` seconds (0 to 900)."""


class ParkedQueue(Protocol):
    """The queue of chunks that need a person."""

    def send(self, event: ChunkParked) -> None:
        """Send the event; at least once."""


class NotificationQueues(Protocol):
    """The queues of the endpoint's notifications."""

    def send(self, body: str, *, succeeded: bool) -> None:
        """Send a notification as an asynchronous endpoint would."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The body of a model's answer, and its media type if it has one."""

    body: bytes
    content_type: str | None = None


class ModelEndpoint(Protocol):
    """A real-time or serverless endpoint."""

    def invoke(self, request: ScoreDue, body: bytes, *, max_bytes: int) -> ModelAnswer:
        """Send the rows and wait for the answer; never twice.

        Raises:
            PermanentError: the model or the service refuses the request, or the answer has more
                than ``max_bytes``.
            ThrottledError: too fast, or no capacity.
            TransientError: the service did not respond, or its answer broke off. ``timed_out`` is
                true in its details when there was no answer within the request's timeout.
        """


class Meter(Protocol):
    """A sink of measurements."""

    def record(self, metric: str, value: float) -> None:
        """Record a value of one of `tailrace_consumers.runtime.metrics.Metric`."""


class Invoker(Protocol):
    """The model, reached by the engine of the job."""

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        """Invoke the model for the chunk's current attempt.

        Raises:
            ThrottledError: too fast, or no capacity.
            TransientError: the service did not respond.
            PermanentError: the endpoint does not exist, or refuses the request.
        """


class RoundQueue(Protocol):
    """The queue of RunTransforms."""

    def send(self, message: RoundDue, delay_s: int) -> None:
        """Make the message visible in ``delay_s`` seconds (0 to 900)."""


@dataclass(frozen=True, slots=True)
class TransformJob:
    """A transform job as SageMaker describes it; times are seconds since the epoch."""

    status: str
    reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def ended(self) -> bool:
        """True if the job will write no more outputs."""
        return self.status in {"Completed", "Failed", "Stopped"}


class TransformJobs(Protocol):
    """SageMaker's transform jobs."""

    def create(self, request: Mapping[str, Any]) -> None:
        """Create a job with the parameters of CreateTransformJob, unless one of its name exists.

        Raises:
            ThrottledError: too fast, or as many jobs or instances run as the account may have.
            TransientError: the service did not respond.
            PermanentError: the model does not exist, or the service refuses the request.
        """

    def describe(self, name: str) -> TransformJob | None:
        """Return a job; None if there is none of that name."""

    def stop(self, name: str) -> None:
        """Stop a job; one that has ended, or never was, stays as it is."""
