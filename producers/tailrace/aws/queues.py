"""SQS queues as operators and readers use them: receive, release, send and delete messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import AccessDeniedError, InputError, PermanentError

BATCH = 10
"""Maximum number of messages in one call to SQS."""
EMPTY_RECEIVES = 2
"""A queue counts as empty after this many empty receives in a row; SQS may return one although it
holds messages."""
MAX_VISIBILITY_TIMEOUT_S = 43_200
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A received message, hidden from other readers until its visibility timeout ends."""

    message_id: str
    body: str
    receipt: str
    receives: int = 1
    sent_at: float | None = None
    """When the message was first sent, to any queue; seconds since the epoch."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Message attributes as boto3 returns them."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """About how many messages a queue holds."""

    waiting: int
    hidden: int
    """Received by readers that have neither deleted nor released them."""
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.waiting + self.hidden + self.delayed


@dataclass(frozen=True, slots=True)
class QueueScan:
    """Messages found in a queue, hidden from other readers until released or until their visibility timeout ends."""

    messages: tuple[ReceivedMessage, ...]
    complete: bool
    """False when there may be more: a bound was reached, or another reader holds messages."""


class QueueSteps:
    """The calls of one queue, as steps that sync and async clients run."""

    def __init__(self, url: str) -> None:
        self.url = url

    def receive(self, *, visibility_timeout_s: int, wait_s: int, max_messages: int) -> Steps[list[ReceivedMessage]]:
        """Receive messages (10 at most), hidden for ``visibility_timeout_s``; wait up to ``wait_s`` (20) for them."""
        answer = yield self._call(
            "receive_message",
            MaxNumberOfMessages=min(max_messages, BATCH),
            VisibilityTimeout=visibility_timeout_s,
            WaitTimeSeconds=wait_s,
            MessageAttributeNames=["All"],
            # Not every implementation knows the newer name of this parameter; both mean the same.
            AttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        return [_held(each) for each in answer.get("Messages", ())]

    def send(self, body: str, attributes: Mapping[str, Any] | None = None) -> Steps[None]:
        """Send a message."""
        yield self._call(
            "send_message", MessageBody=body, **({"MessageAttributes": dict(attributes)} if attributes else {})
        )

    def delete(self, held: ReceivedMessage) -> Steps[None]:
        """Delete a message; ignore one that is deleted already or whose receipt is too old."""
        try:
            yield self._call("delete_message", ReceiptHandle=held.receipt)
        except AccessDeniedError:
            raise
        except PermanentError:
            return

    def change_visibility(self, messages: Sequence[ReceivedMessage], seconds: int) -> Steps[set[str]]:
        """Hide messages for ``seconds`` from now on; 0 releases them.

        Returns the ids of the messages that SQS refused: they keep their timeout.
        """
        refused: set[str] = set()
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            entries = [
                {"Id": str(index), "ReceiptHandle": each.receipt, "VisibilityTimeout": seconds}
                for index, each in enumerate(batch)
            ]
            answer = yield self._call("change_message_visibility_batch", Entries=entries)
            refused.update(batch[int(each["Id"])].message_id for each in answer.get("Failed", ()))
        return refused

    def counts(self) -> Steps[QueueCounts]:
        """Count the messages, approximately."""
        answer = yield self._call("get_queue_attributes", AttributeNames=list(_COUNTS))
        return QueueCounts(*(int(answer["Attributes"].get(name, 0)) for name in _COUNTS))

    def _call(self, operation: str, **params: Any) -> Call:
        return Call("sqs", operation, {"QueueUrl": self.url, **params})


class Queue:
    """One queue; ``execute`` carries out calls and raises errors of `tailrace_core.errors`."""

    def __init__(self, url: str, execute: Callable[[Call], Any]) -> None:
        self.url = url
        self.steps = QueueSteps(url)
        self._execute = execute

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rpartition("/")[2]

    def receive(self, *, visibility_timeout_s: int, wait_s: int, max_messages: int = BATCH) -> list[ReceivedMessage]:
        """Receive messages (10 at most), hidden for ``visibility_timeout_s``; wait up to ``wait_s`` (20) for them."""
        return run(
            self.steps.receive(visibility_timeout_s=visibility_timeout_s, wait_s=wait_s, max_messages=max_messages),
            self._execute,
        )

    def send(self, body: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Send a message."""
        run(self.steps.send(body, attributes), self._execute)

    def delete(self, held: ReceivedMessage) -> None:
        """Delete a message; ignore one that is deleted already or whose receipt is too old."""
        run(self.steps.delete(held), self._execute)

    def change_visibility(self, messages: Sequence[ReceivedMessage], seconds: int) -> None:
        """Hide messages for ``seconds`` from now on; 0 releases them. A message that SQS refuses keeps its timeout."""
        run(self.steps.change_visibility(messages, seconds), self._execute)

    def size(self) -> int:
        """Return about how many messages the queue holds, with hidden and delayed ones."""
        return run(self.steps.counts(), self._execute).total


def find_queue(named: str) -> Steps[str]:
    """Return the URL of a queue named by its URL, its name or its ARN.

    A name or an ARN needs the permission ``sqs:GetQueueUrl``.

    Raises:
        InputError: there is no such queue.
    """
    if named.startswith(("https://", "http://")):
        return named
    params = {"QueueName": named}
    if named.startswith("arn:"):
        _, _, service, _, account, *name = [*named.split(":"), "", "", "", ""][:6]
        if service != "sqs":
            raise InputError(f"{named!r} is not a queue of SQS; give a queue's URL, name or ARN")
        params = {"QueueName": name[0], "QueueOwnerAWSAccountId": account}
    try:
        answer = yield Call("sqs", "get_queue_url", params)
    except AccessDeniedError:
        raise
    except PermanentError as exc:
        raise InputError(f"there is no queue {named!r} ({exc.message}); give a queue's URL, name or ARN") from exc
    url: str = answer["QueueUrl"]
    return url


def scan(
    queue: Queue, *, max_messages: int, timeout_s: float, visibility_timeout_s: int, now: Callable[[], float]
) -> QueueScan:
    """Read up to ``max_messages`` within ``timeout_s``; the visibility timeout has to be longer than that."""
    found: dict[str, ReceivedMessage] = {}
    until = now() + timeout_s
    empty = 0
    while empty < EMPTY_RECEIVES and len(found) < max_messages and now() < until:
        received = queue.receive(
            visibility_timeout_s=visibility_timeout_s, wait_s=1, max_messages=max_messages - len(found)
        )
        empty = 0 if received else empty + 1
        found.update((each.message_id, each) for each in received)
    complete = empty >= EMPTY_RECEIVES and queue.size() <= len(found)
    return QueueScan(tuple(found.values()), complete)


def release(queue: Queue, messages: Iterable[ReceivedMessage]) -> None:
    """Release messages at once; if that is refused, they return when their visibility timeout ends."""
    try:
        queue.change_visibility(list(messages), 0)
    except PermanentError:
        return


def _held(message: Mapping[str, Any]) -> ReceivedMessage:
    system = message.get("Attributes", {})
    sent = system.get("SentTimestamp")
    return ReceivedMessage(
        message_id=message["MessageId"],
        body=message["Body"],
        receipt=message["ReceiptHandle"],
        receives=int(system.get("ApproximateReceiveCount", 1)),
        sent_at=None if sent is None else int(sent) / 1000,
        attributes=message.get("MessageAttributes", {}),
    )
