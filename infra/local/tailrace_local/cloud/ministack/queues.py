"""What happens at MiniStack's queues and topics, counted and measured."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.ministack.patching import replace

# Beyond these receives a message that nobody deletes is poison, and CloudWatch leaves its age out.
_POISON_RECEIVES = 3
_MOVED_AT = "tailrace_moved_at"


@dataclass(frozen=True)
class QueueDepth:
    """A queue at one moment."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: float


class Traffic:
    """Counts by metric and by queue or topic; whoever takes them begins anew."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, metric: str, name: str, count: int = 1) -> None:
        """So many more."""
        with self._lock:
            self._counts[metric, name] += count

    def take(self) -> dict[tuple[str, str], int]:
        """What was counted since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)


class MiniStackQueues:
    """Depths of queues, and the traffic at queues and topics."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._sqs = importlib.import_module("ministack.services.sqs")
        self._sns = importlib.import_module("ministack.services.sns")
        self.queues = Traffic()
        self.topics = Traffic()

    def depths(self, now_s: float) -> Iterator[QueueDepth]:
        """How deep every queue is."""
        for queue in list(self._sqs._queues.values()):  # noqa: SLF001 - no public way in
            messages = list(queue["messages"])
            visible = sum(message["visible_at"] <= now_s for message in messages)
            delayed = sum(message["visible_at"] > now_s and not message["receive_count"] for message in messages)
            entered = [at for message in messages if (at := _entered(message, now_s)) is not None]
            oldest_age_s = max(0.0, now_s - min(entered, default=now_s))
            in_flight = len(messages) - visible - delayed
            yield QueueDepth(str(queue["name"]), visible, in_flight, delayed, oldest_age_s)

    def count(self) -> None:
        """Begin to count what is sent, received, deleted, published, delivered, and what cannot be delivered."""
        counted: dict[str, Callable[[dict[str, Any]], dict[str, int]]] = {
            "SendMessage": lambda _: {"NumberOfMessagesSent": 1},
            "SendMessageBatch": lambda found: {"NumberOfMessagesSent": len(found.get("Successful", ()))},
            "ReceiveMessage": _received,
            "DeleteMessage": lambda _: {"NumberOfMessagesDeleted": 1},
            "DeleteMessageBatch": lambda found: {"NumberOfMessagesDeleted": len(found.get("Successful", ()))},
        }
        handlers = self._sqs._HANDLERS  # noqa: SLF001 - no public way in
        for action, counts in counted.items():
            handlers[action] = self._counting(handlers[action], counts)
        self._count_publications()
        self._count_deliveries()

    def _counting(self, stock: Callable[..., Any], counts: Callable[[dict[str, Any]], dict[str, int]]) -> Any:
        async def handle(data: dict[str, Any], url: str) -> Any:
            found = stock(data, url)
            if asyncio.iscoroutine(found):
                found = await found
            name = str(data.get("QueueUrl") or url).rsplit("/", 1)[-1]
            for metric, count in counts(found).items():
                self.queues.add(metric, name, count)
            return found

        return handle

    def _count_publications(self) -> None:
        stock = self._sns._fanout  # noqa: SLF001 - no public way in

        def fan_out(topic_arn: str, *arguments: Any, **named: Any) -> None:
            stock(topic_arn, *arguments, **named)
            self.topics.add("NumberOfMessagesPublished", topic_arn.rsplit(":", 1)[-1])

        replace(self._sns, "_fanout", fan_out)

    def _count_deliveries(self) -> None:
        stock = self._sns._deliver_to_sqs  # noqa: SLF001 - no public way in

        def deliver(endpoint: str, *arguments: Any, topic_arn: str = "", **named: Any) -> None:
            stock(endpoint, *arguments, topic_arn=topic_arn, **named)
            # It does not say whether it could: the same questions give the same answers.
            delivered = self._sqs._queue_by_arn(endpoint) is not None and self._sqs.queue_policy_allows(  # noqa: SLF001
                endpoint, "sns.amazonaws.com", topic_arn, self._account_id
            )
            outcome = "NumberOfNotificationsDelivered" if delivered else "NumberOfNotificationsFailed"
            self.topics.add(outcome, topic_arn.rsplit(":", 1)[-1])
            if delivered:
                self.queues.add("NumberOfMessagesSent", endpoint.rsplit(":", 1)[-1])

        replace(self._sns, "_deliver_to_sqs", deliver)


def _received(found: dict[str, Any]) -> dict[str, int]:
    count = len(found.get("Messages", ()))
    return {"NumberOfMessagesReceived": count} if count else {"NumberOfEmptyReceives": 1}


def _entered(message: dict[str, Any], now_s: float) -> float | None:
    """When a message came to the queue that it is in, None for poison.

    A dead-letter queue counts from when it was moved there, although its retention does not.
    """
    if "DeadLetterQueueSourceArn" in message.get("sys", {}):
        return float(message.setdefault(_MOVED_AT, now_s))
    return None if message["receive_count"] > _POISON_RECEIVES else float(message["sent_at"])
