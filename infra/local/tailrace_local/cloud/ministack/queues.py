"""Depths of MiniStack's queues, and patches that count the traffic at queues and topics."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

# CloudWatch leaves a message out of ApproximateAgeOfOldestMessage once it was received more than
# three times.
_POISON_RECEIVES = 3
_MOVED_AT = "tailrace_moved_at"

Counts = dict[str, int]
"""Additions to metrics, by metric name."""

_SQS = PrivateModule(
    "ministack.services.sqs",
    "_queues: AccountRegionScopedDict",
    "_queue_by_arn(arn)",
    "queue_policy_allows(queue_arn, service, source_arn, source_account)",
)
_UNTIL = "MiniStack publishes the metrics of AWS/SQS and AWS/SNS."


def _received(answer: dict[str, Any]) -> Counts:
    count = len(answer.get("Messages", ()))
    return {"NumberOfMessagesReceived": count} if count else {"NumberOfEmptyReceives": 1}


_COUNTS: dict[str, Callable[[dict[str, Any]], Counts]] = {
    "SendMessage": lambda _: {"NumberOfMessagesSent": 1},
    "SendMessageBatch": lambda answer: {"NumberOfMessagesSent": len(answer.get("Successful", ()))},
    "ReceiveMessage": _received,
    "DeleteMessage": lambda _: {"NumberOfMessagesDeleted": 1},
    "DeleteMessageBatch": lambda answer: {"NumberOfMessagesDeleted": len(answer.get("Successful", ()))},
}
_ACTIONS = tuple(
    Patch(
        "ministack.services.sqs",
        f"_HANDLERS[{action}](data, qurl)",
        corrects=f"MiniStack does not count {action}.",
        why="Alarms and dashboards read the metrics of AWS/SQS.",
        until=_UNTIL,
    )
    for action in _COUNTS
)
_PUBLISH = Patch(
    "ministack.services.sns",
    "_fanout(topic_arn, msg_id, message, subject, message_structure, message_attributes, message_group_id, "
    "message_dedup_id)",
    corrects="MiniStack does not count the messages that are published to a topic.",
    why="Alarms and dashboards read the metrics of AWS/SNS.",
    until=_UNTIL,
)
_DELIVER = Patch(
    "ministack.services.sns",
    "_deliver_to_sqs(endpoint, envelope, raw, raw_message, message_group_id, message_dedup_id, message_attributes, "
    "topic_arn)",
    corrects="MiniStack does not count the messages that a topic delivers to a queue, or cannot deliver.",
    why="An alarm has to notice a queue whose policy refuses the topic.",
    until=_UNTIL,
)


@dataclass(frozen=True)
class QueueDepth:
    """A queue's message counts at one moment, and the age of its oldest message."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: float


class Traffic:
    """Counts by metric and by the name of a queue or topic, from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, metric: str, name: str, count: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[metric, name] += count

    def take(self) -> dict[tuple[str, str], int]:
        """Return the counts since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)


class MiniStackQueues:
    """Depths of queues, and the traffic at queues and topics, of one account."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._sqs = _SQS.load()
        self.queues = Traffic()
        self.topics = Traffic()

    def depths(self, now_s: float) -> Iterator[QueueDepth]:
        """Yield the depth of every queue."""
        for queue in list(self._sqs._queues.values()):
            messages = list(queue["messages"])
            visible = sum(message["visible_at"] <= now_s for message in messages)
            delayed = sum(message["visible_at"] > now_s and not message["receive_count"] for message in messages)
            entered = [at for message in messages if (at := _entered(message, now_s)) is not None]
            oldest_age_s = max(0.0, now_s - min(entered, default=now_s))
            in_flight = len(messages) - visible - delayed
            yield QueueDepth(str(queue["name"]), visible, in_flight, delayed, oldest_age_s)

    def count_traffic(self) -> None:
        """Count messages from now on.

        Sent, received, deleted, published, delivered and undeliverable ones.
        """
        for patch, counts in zip(_ACTIONS, _COUNTS.values(), strict=True):
            patch.wrap(partial(self._handle, counts))
        _PUBLISH.wrap(self._fan_out)
        _DELIVER.wrap(self._deliver)

    async def _handle(
        self, counts: Callable[[dict[str, Any]], Counts], original: Callable[..., Any], data: dict[str, Any], url: str
    ) -> Any:
        answer = original(data, url)
        if inspect.iscoroutine(answer):
            answer = await answer
        name = str(data.get("QueueUrl") or url).rsplit("/", 1)[-1]
        for metric, count in counts(answer).items():
            self.queues.add(metric, name, count)
        return answer

    def _fan_out(self, original: Callable[..., None], topic_arn: str, *arguments: Any, **named: Any) -> None:
        original(topic_arn, *arguments, **named)
        self.topics.add("NumberOfMessagesPublished", topic_arn.rsplit(":", 1)[-1])

    def _deliver(
        self, original: Callable[..., None], endpoint: str, *arguments: Any, topic_arn: str = "", **named: Any
    ) -> None:
        original(endpoint, *arguments, topic_arn=topic_arn, **named)
        # The original does not say whether it delivered. These two checks are the ones that it
        # makes.
        delivered = self._sqs._queue_by_arn(endpoint) is not None and self._sqs.queue_policy_allows(
            endpoint, "sns.amazonaws.com", topic_arn, self._account_id
        )
        outcome = "NumberOfNotificationsDelivered" if delivered else "NumberOfNotificationsFailed"
        self.topics.add(outcome, topic_arn.rsplit(":", 1)[-1])
        if delivered:
            self.queues.add("NumberOfMessagesSent", endpoint.rsplit(":", 1)[-1])


def _entered(message: dict[str, Any], now_s: float) -> float | None:
    """Return when a message came to its queue; None for one that no longer counts.

    In a dead-letter queue the age counts from the move, although the retention period does not.
    """
    if "DeadLetterQueueSourceArn" in message.get("sys", {}):
        return float(message.setdefault(_MOVED_AT, now_s))
    return None if message["receive_count"] > _POISON_RECEIVES else float(message["sent_at"])
