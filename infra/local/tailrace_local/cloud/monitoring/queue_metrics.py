"""The metrics of AWS/SQS and AWS/SNS, published each minute."""

from __future__ import annotations

from collections.abc import Iterator

from tailrace_local.cloud.ministack.cloudwatch.metrics import Put
from tailrace_local.cloud.ministack.queues import MiniStackQueues, QueueDepth

_QUEUE_COUNTS = (
    "NumberOfMessagesSent",
    "NumberOfMessagesReceived",
    "NumberOfMessagesDeleted",
    "NumberOfEmptyReceives",
)


class QueueMetrics:
    """Publishes the metrics of every queue, and of every topic with traffic."""

    def __init__(self, ministack: MiniStackQueues, put: Put) -> None:
        self._ministack = ministack
        self._put = put

    def put(self, now_s: float, at_s: float) -> None:
        """Publish current depths, and the counts since the last call, with the timestamp `at_s`."""
        counts = self._ministack.queues.take()
        for queue in self._ministack.depths(now_s):
            for name, value, unit in _depths(queue):
                self._put("AWS/SQS", name, {"QueueName": queue.name}, [value], unit, at_s)
            # An idle queue publishes zeros, as on AWS, so that a sum has datapoints.
            for name in _QUEUE_COUNTS:
                count = counts.get((name, queue.name), 0)
                self._put("AWS/SQS", name, {"QueueName": queue.name}, [float(count)], "Count", at_s)
        for (name, topic), count in self._ministack.topics.take().items():
            self._put("AWS/SNS", name, {"TopicName": topic}, [float(count)], "Count", at_s)


def _depths(queue: QueueDepth) -> Iterator[tuple[str, float, str]]:
    yield "ApproximateNumberOfMessagesVisible", float(queue.visible), "Count"
    yield "ApproximateNumberOfMessagesNotVisible", float(queue.in_flight), "Count"
    yield "ApproximateNumberOfMessagesDelayed", float(queue.delayed), "Count"
    yield "ApproximateAgeOfOldestMessage", queue.oldest_age_s, "Seconds"
