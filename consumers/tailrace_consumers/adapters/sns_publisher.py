"""The results topic in SNS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.messages.events import JobFinished, PartReady, message_attributes


class SnsPublisher:
    """Implements `tailrace_consumers.ports.Publisher`; ``topic`` is an ARN."""

    def __init__(self, topic: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._topic = topic
        self._execute = execute

    def publish(self, event: PartReady | JobFinished) -> None:
        """Publish the event with the attributes that subscribers filter on."""
        params = {"TopicArn": self._topic, "Message": event.to_json(), "MessageAttributes": message_attributes(event)}
        self._execute(Call("sns", "publish", params))
