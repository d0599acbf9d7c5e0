"""The results topic in SNS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.errors import TailraceError
from tailrace_core.messages.events import JobFinished, PartReady, message_attributes

MAX_BATCH = 10
"""Most events in one request."""
MAX_BATCH_BYTES = 224 * 1024
"""Most bytes of events in one request.

SNS takes 256 KiB with the attributes, of which each event has some 200 bytes.
"""


class SnsPublisher:
    """Implements `tailrace_consumers.ports.Publisher`; ``topic`` is an ARN."""

    def __init__(self, topic: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._topic = topic
        self._execute = execute

    def publish(self, event: PartReady | JobFinished) -> None:
        """Publish the event with the attributes that subscribers filter on."""
        self._execute(Call("sns", "publish", {"TopicArn": self._topic, **_message(event, event.to_json())}))

    def publish_all(self, events: Sequence[PartReady]) -> list[TailraceError | None]:
        """Publish events in few requests; an event that SNS refuses is published alone."""
        errors: list[TailraceError | None] = []
        for batch in _batches(events):
            errors += self._publish_batch(batch) if len(batch) > 1 else [self._error(event) for event, _ in batch]
        return errors

    def _publish_batch(self, batch: Sequence[tuple[PartReady, str]]) -> list[TailraceError | None]:
        entries = [{"Id": str(number), **_message(*each)} for number, each in enumerate(batch)]
        params = {"TopicArn": self._topic, "PublishBatchRequestEntries": entries}
        try:
            answer = self._execute(Call("sns", "publish_batch", params))
        except TailraceError as exc:
            return [exc] * len(batch)
        published = {each["Id"] for each in answer.get("Successful", ())}
        # Alone, an event has the executor's retries and translation of errors.
        return [None if str(number) in published else self._error(event) for number, (event, _) in enumerate(batch)]

    def _error(self, event: PartReady) -> TailraceError | None:
        try:
            self.publish(event)
        except TailraceError as exc:
            return exc
        return None


def _message(event: PartReady | JobFinished, text: str) -> dict[str, Any]:
    return {"Message": text, "MessageAttributes": message_attributes(event)}


def _batches(events: Iterable[PartReady]) -> Iterator[list[tuple[PartReady, str]]]:
    """Divide events into batches within the limits, each event with its JSON."""
    batch: list[tuple[PartReady, str]] = []
    size = 0
    for event in events:
        text = event.to_json()
        size_bytes = len(text.encode())
        if batch and (len(batch) == MAX_BATCH or size + size_bytes > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((event, text))
        size += size_bytes
    if batch:
        yield batch
