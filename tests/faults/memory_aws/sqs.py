"""Queues and topics in memory.

Queues have visibility timeouts, delays, receive counts and dead letters; topics deliver raw.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults.memory_aws.errors import refusal


@dataclass
class Message:
    message_id: int
    body: str
    visible_at: float
    attributes: Any = None
    receives: int = 0
    receipt: str = ""


@dataclass
class Queue:
    name: str
    visibility_s: float = 30.0
    max_receives: int | None = None
    dead_letters: Queue | None = None
    messages: dict[int, Message] = field(default_factory=dict)
    sent: int = 0

    def next_visible_at(self) -> float | None:
        return min((each.visible_at for each in self.messages.values()), default=None)


@dataclass
class Sqs:
    """The client's methods; a queue's URL is its name."""

    clock: Callable[[], float]
    queues: dict[str, Queue] = field(default_factory=dict)
    _ids: Any = field(default_factory=itertools.count)

    def send_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803 boto3's names
        MessageBody: str,  # noqa: N803 boto3's names
        DelaySeconds: int = 0,  # noqa: N803 boto3's names
        MessageAttributes: Any = None,  # noqa: N803 boto3's names
    ) -> dict[str, Any]:
        queue = self._queue(QueueUrl, "SendMessage")
        if not 0 <= DelaySeconds <= 900:
            raise refusal("InvalidParameterValue", f"DelaySeconds {DelaySeconds}", "SendMessage")
        message = Message(next(self._ids), MessageBody, self.clock() + DelaySeconds, MessageAttributes)
        queue.messages[message.message_id] = message
        queue.sent += 1
        return {"MessageId": str(message.message_id)}

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803 boto3's names
        MaxNumberOfMessages: int = 1,  # noqa: N803 boto3's names
        VisibilityTimeout: int | None = None,  # noqa: N803 boto3's names
        **_: Any,
    ) -> dict[str, Any]:
        queue = self._queue(QueueUrl, "ReceiveMessage")
        received: list[dict[str, Any]] = []
        for message in list(queue.messages.values()):
            if message.visible_at > self.clock() or len(received) == MaxNumberOfMessages:
                continue
            if queue.max_receives is not None and message.receives >= queue.max_receives and queue.dead_letters:
                del queue.messages[message.message_id]
                message.visible_at, message.receives = self.clock(), 0
                queue.dead_letters.messages[message.message_id] = message
                continue
            message.receives += 1
            hidden_s = queue.visibility_s if VisibilityTimeout is None else VisibilityTimeout
            message.visible_at = self.clock() + hidden_s
            message.receipt = f"{message.message_id}:{message.receives}"
            received.append(
                {
                    "MessageId": str(message.message_id),
                    "Body": message.body,
                    "ReceiptHandle": message.receipt,
                    "MessageAttributes": message.attributes or {},
                    "Attributes": {"ApproximateReceiveCount": str(message.receives)},
                }
            )
        return {"Messages": received} if received else {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        queue = self._queue(QueueUrl, "DeleteMessage")
        # The receipt of an earlier receive may or may not delete: here it does not, the harder
        # case.
        found = queue.messages.get(int(ReceiptHandle.partition(":")[0]))
        if found is not None and found.receipt == ReceiptHandle:
            del queue.messages[found.message_id]
        return {}

    def change_message_visibility(
        self,
        *,
        QueueUrl: str,  # noqa: N803 boto3's names
        ReceiptHandle: str,  # noqa: N803 boto3's names
        VisibilityTimeout: int,  # noqa: N803 boto3's names
    ) -> dict[str, Any]:
        found = self._queue(QueueUrl, "ChangeMessageVisibility").messages.get(int(ReceiptHandle.partition(":")[0]))
        if found is not None:
            found.visible_at = self.clock() + VisibilityTimeout
        return {}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 boto3's names
        if not 1 <= len(Entries) <= 10:
            raise refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "1 to 10", "ChangeMessageVisibility")
        for each in Entries:
            entry = {name: value for name, value in each.items() if name != "Id"}
            self.change_message_visibility(QueueUrl=QueueUrl, **entry)
        return {}

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(len(self._queue(QueueUrl, "GetQueueAttributes").messages))
            }
        }

    def copy_from(self, other: Sqs) -> None:
        """Take over the messages of the same queues elsewhere."""
        for name, queue in other.queues.items():
            self.queues[name].messages = {number: replace(each) for number, each in queue.messages.items()}
            self.queues[name].sent = queue.sent
        following = next(other._ids)
        self._ids, other._ids = itertools.count(following), itertools.count(following)

    def _queue(self, url: str, operation: str) -> Queue:
        if url not in self.queues:
            raise refusal("AWS.SimpleQueueService.NonExistentQueue", f"no queue {url}", operation)
        return self.queues[url]


@dataclass
class Sns:
    """The client's methods; topics deliver raw to queues, and record the published messages."""

    sqs: Sqs
    subscriptions: dict[str, list[str]]
    published: dict[str, list[str]] = field(default_factory=dict)

    def publish(self, *, TopicArn: str, Message: str, MessageAttributes: Any = None) -> dict[str, Any]:  # noqa: N803, ARG002 boto3's names
        if TopicArn not in self.subscriptions:
            raise refusal("NotFoundException", f"no topic {TopicArn}", "Publish", 404)
        if len(Message.encode()) > 256 * 1024:
            raise refusal("InvalidParameter", "Message too long", "Publish")
        self.published.setdefault(TopicArn, []).append(Message)
        for queue in self.subscriptions[TopicArn]:
            self.sqs.send_message(QueueUrl=queue, MessageBody=Message)
        return {"MessageId": str(len(self.published[TopicArn]))}

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 boto3's names
        entries = PublishBatchRequestEntries
        if not 1 <= len(entries) <= 10:
            raise refusal("TooManyEntriesInBatchRequest", "1 to 10", "PublishBatch")
        if len({each["Id"] for each in entries}) < len(entries):
            raise refusal("BatchEntryIdsNotDistinct", "an Id twice", "PublishBatch")
        if sum(len(each["Message"].encode()) for each in entries) > 256 * 1024:
            raise refusal("BatchRequestTooLong", "more than 256 KiB", "PublishBatch")
        for each in entries:
            self.publish(TopicArn=TopicArn, Message=each["Message"])
        return {"Successful": [{"Id": each["Id"], "MessageId": each["Id"]} for each in entries], "Failed": []}
