"""A queue in memory with dead letters, and readers of it on the test's clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tailrace.aws.queues import QueueSteps
from tailrace.operations.results.async_consuming import AsyncConsumer
from tailrace.operations.results.async_reader import AsyncResultsReader
from tailrace.operations.results.consuming import Consumer
from tailrace.operations.results.keeper import Keeper
from tailrace.operations.results.opening import OpenedQueue
from tailrace.operations.results.reader import ResultsReader
from tailrace.operations.results.reading import ReaderOptions, Reading
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.errors import TransientError
from tailrace_core.messages.events import PartReady
from tailrace_core.objects.checksums import checksum
from tests.faults.memory_aws.cloud import Clock
from tests.faults.memory_aws.sqs import Queue, Sqs


def event(number: int, **changes: Any) -> PartReady:
    fields: dict[str, Any] = {
        "event_id": f"PartReady:j:{number}", "job_id": "j", "endpoint": "e", "first_row": number, "rows": 1,
        "rejected": 0, "location": f"s3://bucket/v1/jobs/j/parts/{number:012}-1.csv", "size_bytes": 2,
        "checksum": checksum(b"1\n"), "columns": ("p",), "body": "1\n",
    }  # fmt: skip
    return PartReady(**{**fields, **changes})


class Still(Keeper):
    """Works only when the test says so."""

    def start(self) -> None:
        pass


class Body:
    """The body of an answer of S3."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1, /) -> bytes:
        piece, self.data = (self.data, b"") if size < 0 else (self.data[:size], self.data[size:])
        return piece

    def close(self) -> None:
        pass


class AsyncBody(Body):
    async def read(self, size: int = -1, /) -> bytes:  # type: ignore[override]
        return super().read(size)


class Bench:
    def __init__(self, max_receives: int = 5) -> None:
        self.clock = Clock()
        self.dead = Queue("dead")
        self.queue = Queue("results", max_receives=max_receives, dead_letters=self.dead)
        self.sqs = Sqs(self.clock, {"results": self.queue, "dead": self.dead})
        self.objects: dict[str, bytes] = {}
        self.asked: list[int] = []
        self.fails = False
        self.while_receiving: Callable[[], object] = lambda: None

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.sqs.send_message(QueueUrl="results", MessageBody=event(number).to_json())

    def send_json(self, data: Any) -> None:
        self.sqs.send_message(QueueUrl="results", MessageBody=json.dumps(data))

    def reader(self, **options: Any) -> ResultsReader:
        return ResultsReader(self.reading(**options), self.execute, bucket="bucket", make_keeper=Still)

    def async_reader(self, **options: Any) -> AsyncResultsReader:
        async def opened() -> OpenedQueue:
            return OpenedQueue(self.reading(**options), "bucket", "results")

        return AsyncResultsReader(opened, self.execute_async)

    def consumer(self, handler: Any, *, workers: int = 4, once: Any = None, **options: Any) -> Consumer:
        reading = self.reading(prefetch=min(workers, 10), **options)
        return Consumer(reading, self.execute, handler, workers=workers, once=once)

    def async_consumer(self, handler: Any, *, workers: int = 4, once: Any = None, **options: Any) -> AsyncConsumer:
        reading = self.reading(prefetch=min(workers, 10), **options)
        return AsyncConsumer(reading, self.execute_async, handler, workers=workers, once=once)

    def reading(self, **options: Any) -> Reading:
        return Reading(QueueSteps("results"), ReaderOptions(**{"follow": False, **options}), now=self.clock)

    def execute(self, call: Call) -> Any:
        if self.fails:
            raise TransientError("no answer")
        if call.service == "s3":
            data = self.objects[call.params["Key"]]
            return data if isinstance(call, BodyCall) else {"Body": Body(data)}
        answer = getattr(self.sqs, call.operation)(**call.params)
        if call.operation == "receive_message":
            self.asked.append(call.params["MaxNumberOfMessages"])
            self.while_receiving()
        return answer

    async def execute_async(self, call: Call) -> Any:
        answer = self.execute(call)
        if call.service == "s3" and isinstance(answer, dict):
            return {"Body": AsyncBody(answer["Body"].data)}
        return answer

    @property
    def left(self) -> list[float]:
        """When each message in the queue is or becomes visible."""
        return [each.visible_at for each in self.queue.messages.values()]

    @property
    def hidden(self) -> int:
        return sum(at > self.clock() for at in self.left)

    def ids(self, *numbers: int) -> list[str]:
        return [event(number).event_id for number in numbers]
