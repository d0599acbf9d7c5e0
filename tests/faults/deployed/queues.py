"""The deployed stack's queues: their remaining messages, and the published events."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.messages.events import JobFinished, PartReady, decode_published
from tailrace_local.testing import RunningCloud

_WAITING = "ApproximateNumberOfMessages"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_BATCH = 10


@dataclass(frozen=True)
class Queues:
    """The queues of one cloud, and the events received from its results queue."""

    cloud: RunningCloud
    events: list[PartReady | JobFinished] = field(default_factory=list)
    """Every published copy of every job's events."""

    def left(self, *, delayed: bool = False) -> dict[str, int]:
        """Count waiting and in-flight messages by queue output, without empty queues.

        ``delayed`` adds messages that are not visible yet: retries. Those of a job that has ended
        have no effect.
        """
        wanted = (_WAITING, _IN_FLIGHT, *((_DELAYED,) if delayed else ()))
        depths = {}
        for output, url in self.cloud.outputs.items():
            if output.endswith(("Queue", "QueueUrl")) and output != "ResultsQueue":
                answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*wanted])["Attributes"]
                depths[output] = sum(int(answer[name]) for name in wanted)
        return {output: depth for output, depth in depths.items() if depth}

    def at_endpoint(self) -> int:
        """Count the requests that wait or are in flight at the endpoint."""
        url = f"{self.cloud.own_url}/_tailrace/sagemaker/endpoints/{self.cloud.facts.endpoint_name}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own http address
            shown: dict[str, Any] = json.load(answer)
        return int(shown["waiting"]) + int(shown["in_flight"])

    def purge(self, output: str) -> None:
        """Delete all messages of a queue."""
        self._sqs.purge_queue(QueueUrl=self.cloud.outputs[output])

    def published(self, job_id: str) -> list[PartReady | JobFinished]:
        """Return every copy of the job's events so far, from the stack's results queue."""
        url = self.cloud.outputs["ResultsQueue"]
        # Do not wait: the queue's own setting waits 20 s for messages.
        asked = {"QueueUrl": url, "MaxNumberOfMessages": _BATCH, "WaitTimeSeconds": 0}
        while messages := self._sqs.receive_message(**asked).get("Messages"):
            self.events.extend(decode_published(message["Body"]) for message in messages)
            entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return [event for event in self.events if event.job_id == job_id]

    @property
    def _sqs(self) -> Any:
        return self.cloud.client("sqs")
