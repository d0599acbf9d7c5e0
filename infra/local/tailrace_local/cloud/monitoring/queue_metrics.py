"""What queues and topics publish each minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tailrace_local.cloud.ministack.queues import MiniStackQueues, QueueDepth

Put = Callable[[str, str, dict[str, str], list[float], str, float], None]
"""Namespace, name, dimensions, values, unit, seconds since the epoch."""
_OF_QUEUES = (
    "NumberOfMessagesSent",
    "NumberOfMessagesReceived",
    "NumberOfMessagesDeleted",
    "NumberOfEmptyReceives",
)


class QueueMetrics:
    """Puts AWS/SQS and AWS/SNS for every queue and every topic that had something to do."""

    def __init__(self, ministack: MiniStackQueues, put: Put) -> None:
        self._ministack = ministack
        self._put = put

    def put(self, now_s: float, at_s: float) -> None:
        """Put how things are now, and what was counted since the last time, with the time `at_s`."""
        counts = self._ministack.queues.take()
        for queue in self._ministack.depths(now_s):
            for name, value, unit in _depths(queue):
                self._put("AWS/SQS", name, {"QueueName": queue.name}, [value], unit, at_s)
            # An idle queue counts zeros, as on AWS, so that a sum has something to be of.
            for name in _OF_QUEUES:
                count = counts.get((name, queue.name), 0)
                self._put("AWS/SQS", name, {"QueueName": queue.name}, [float(count)], "Count", at_s)
        for (name, topic), count in self._ministack.topics.take().items():
            self._put("AWS/SNS", name, {"TopicName": topic}, [float(count)], "Count", at_s)


def _depths(queue: QueueDepth) -> Iterator[tuple[str, float, str]]:
    yield "ApproximateNumberOfMessagesVisible", float(queue.visible), "Count"
    yield "ApproximateNumberOfMessagesNotVisible", float(queue.in_flight), "Count"
    yield "ApproximateNumberOfMessagesDelayed", float(queue.delayed), "Count"
    yield "ApproximateAgeOfOldestMessage", queue.oldest_age_s, "Seconds"
