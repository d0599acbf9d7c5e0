"""In-memory fakes of the consumers' ports; one contract suite runs over these and the adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tailrace_consumers.ports import DeferToSerialError, ModelAnswer, StoredObject
from tailrace_core.errors import NotFoundError, TailraceError
from tailrace_core.invocations import InvocationResponse
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.messages.events import ChunkParked, JobFinished, PartReady, RetryDue
from tailrace_core.messages.scoring import ScoreDue
from tailrace_core.objects import keys

BUCKET = "tailrace-test"


@dataclass
class MemoryObjectStore:
    bucket: str = BUCKET
    block_bytes: int = 1024 * 1024
    upload_part_bytes: int = 8 * 1024 * 1024
    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    max_bytes: int | None = None

    def with_read_limit(self, max_bytes: int) -> MemoryObjectStore:
        return replace(self, max_bytes=max_bytes)

    def locate(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str) -> Iterator[bytes]:
        if key not in self.objects:
            raise NotFoundError(f"{key} is not there")
        body = self.objects[key][0]
        if self.max_bytes is not None and len(body) > self.max_bytes:
            raise DeferToSerialError(key)
        for start in range(0, len(body), self.block_bytes):
            yield body[start : start + self.block_bytes]

    def head(self, key: str) -> StoredObject | None:
        found = self.objects.get(key)
        return None if found is None else StoredObject(len(found[0]), found[1])

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = (body, {})

    def put_new(self, key: str, blocks: Iterable[bytes], metadata: Callable[[], Mapping[str, str]]) -> bool:
        kept: list[bytes] = []
        early: Mapping[str, str] | None = None
        for block in blocks:
            kept.append(block)
            if early is None and sum(map(len, kept)) > self.upload_part_bytes:
                early = metadata()
        if key in self.objects:
            return False
        self.objects[key] = (b"".join(kept), dict(metadata() if early is None else early))
        return True

    def put_manifest(self, key: str, body: bytes) -> str:
        self.put(key, body)
        return self.locate(key)


@dataclass
class MemoryPublisher:
    events: list[PartReady | JobFinished] = field(default_factory=list)

    def publish(self, event: PartReady | JobFinished) -> None:
        self.events.append(event)

    def publish_all(self, events: Sequence[PartReady]) -> list[TailraceError | None]:
        return [self._error(event) for event in events]

    def _error(self, event: PartReady) -> TailraceError | None:
        try:
            self.publish(event)
        except TailraceError as exc:
            return exc
        return None


@dataclass
class MemoryRetryQueue:
    sent: list[tuple[RetryDue, int]] = field(default_factory=list)

    def send(self, message: RetryDue, delay_s: int) -> None:
        self.sent.append((message, delay_s))


@dataclass
class MemoryParkedQueue:
    events: list[ChunkParked] = field(default_factory=list)

    def send(self, event: ChunkParked) -> None:
        self.events.append(event)


@dataclass
class MemoryNotificationQueues:
    sent: list[tuple[str, bool]] = field(default_factory=list)

    def send(self, body: str, *, succeeded: bool) -> None:
        self.sent.append((body, succeeded))


@dataclass
class MemoryEndpoint:
    """A real-time endpoint whose model is a function of the rows."""

    model: Callable[[bytes], bytes] = bytes
    asked: list[ScoreDue] = field(default_factory=list)
    refusals: list[TailraceError] = field(default_factory=list)
    """Errors that the next invocations raise, in order."""

    def invoke(self, request: ScoreDue, body: bytes, *, max_bytes: int) -> ModelAnswer:
        assert len(body) <= max_bytes
        self.asked.append(request)
        if self.refusals:
            raise self.refusals.pop(0)
        return ModelAnswer(self.model(body), "text/csv")


@dataclass
class MemoryMeter:
    recorded: list[tuple[str, float]] = field(default_factory=list)

    def record(self, metric: str, value: float) -> None:
        self.recorded.append((metric, value))

    def of(self, metric: str) -> list[float]:
        return [value for name, value in self.recorded if name == metric]


@dataclass
class MemoryInvoker:
    """An endpoint that records invocations; as the service's, its locations have ids of their own."""

    bucket: str = BUCKET
    invoked: list[Chunk] = field(default_factory=list)
    refusals: list[TailraceError] = field(default_factory=list)
    """Errors that the next invocations raise, in order."""

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        assert settings.endpoint_name
        if self.refusals:
            raise self.refusals.pop(0)
        self.invoked.append(chunk)
        name = f"u{len(self.invoked)}"
        return InvocationResponse(
            f"s3://{self.bucket}/{keys.OUTPUTS}{name}.out", f"s3://{self.bucket}/{keys.FAILURES}{name}-error.out"
        )
