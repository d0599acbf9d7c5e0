"""What finishing a job does outside of the ledger, over an executor of calls: the manifest, the final event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace.aws.stacks import Stack
from tailrace_core.aws.calls import Call
from tailrace_core.messages.events import JobFinished, PartReady, message_attributes


class ManifestPublisher:
    """Implements `tailrace_core.ledger.finishing.ManifestStore` and `EventPublisher` for one stack."""

    def __init__(self, stack: Stack, execute: Callable[[Call], Any]) -> None:
        self._stack = stack
        self._execute = execute

    def put_manifest(self, key: str, body: bytes) -> str:
        """Store it and return its location."""
        params = {"Bucket": self._stack.bucket, "Key": key, "Body": body, "ContentType": "application/json"}
        self._execute(Call("s3", "put_object", params))
        return f"s3://{self._stack.bucket}/{key}"

    def publish(self, event: JobFinished) -> None:
        """Publish it on the results topic."""
        self._execute(publish_call(self._stack.results_topic, event))


def publish_call(topic: str, event: PartReady | JobFinished) -> Call:
    """The call that publishes an event."""
    params = {"TopicArn": topic, "Message": event.to_json(), "MessageAttributes": message_attributes(event)}
    return Call("sns", "publish", params)
