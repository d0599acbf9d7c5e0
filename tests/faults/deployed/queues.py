"""The deployed stack's queues: what is left in them, and what was published."""

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
    """The queues of one cloud, and the events that were taken from one of them."""

    cloud: RunningCloud
    events: list[PartReady | JobFinished] = field(default_factory=list)
    """Every copy that was published, of all jobs."""

    def left(self, *, delayed: bool = False) -> dict[str, int]:
        """Messages that wait or are in flight, by the output's name of the queue; those that are not empty.

        ``delayed`` counts those whose time has not come as well: retries, of which those of a job that has ended find
        nothing to do.
        """
        wanted = (_WAITING, _IN_FLIGHT, *((_DELAYED,) if delayed else ()))
        depths = {}
        for output, url in self.cloud.outputs.items():
            if output.endswith("Queue") and output != "ResultsQueue":
                answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*wanted])["Attributes"]
                depths[output] = sum(int(answer[name]) for name in wanted)
        return {output: depth for output, depth in depths.items() if depth}

    def at_endpoint(self) -> int:
        """Requests that wait at the endpoint or are being answered."""
        url = f"{self.cloud.own_url}/_tailrace/sagemaker/endpoints/{self.cloud.facts.endpoint_name}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own http address
            shown: dict[str, Any] = json.load(answer)
        return int(shown["waiting"]) + int(shown["in_flight"])

    def purge(self, output: str) -> None:
        """Delete all that waits in a queue."""
        self._sqs.purge_queue(QueueUrl=self.cloud.outputs[output])

    def published(self, job_id: str) -> list[PartReady | JobFinished]:
        """Every copy of every event of the job so far, as the stack's own results queue has them."""
        url = self.cloud.outputs["ResultsQueue"]
        # Only what is there: by itself the queue would wait for more for 20 s.
        asked = {"QueueUrl": url, "MaxNumberOfMessages": _BATCH, "WaitTimeSeconds": 0}
        while messages := self._sqs.receive_message(**asked).get("Messages"):
            self.events.extend(decode_published(message["Body"]) for message in messages)
            entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return [event for event in self.events if event.job_id == job_id]

    @property
    def _sqs(self) -> Any:
        return self.cloud.client("sqs")
