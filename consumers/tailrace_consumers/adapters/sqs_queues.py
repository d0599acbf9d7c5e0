"""The queues that consumers send to: standard SQS queues, given by their URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.messages.events import ChunkParked, RetryDue
from tailrace_core.messages.rounds import RoundDue

MAX_DELAY_S = 900
"""The longest delay that SQS supports."""


class SqsRetryQueue:
    """Implements `tailrace_consumers.ports.RetryQueue`."""

    def __init__(self, url: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._url = url
        self._execute = execute

    def send(self, message: RetryDue, delay_s: int) -> None:
        """Make the message visible in ``delay_s`` seconds."""
        self._execute(_delayed(self._url, message.to_json(), delay_s))


class SqsRoundQueue:
    """Implements `tailrace_consumers.ports.RoundQueue`."""

    def __init__(self, url: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._url = url
        self._execute = execute

    def send(self, message: RoundDue, delay_s: int) -> None:
        """Make the message visible in ``delay_s`` seconds."""
        self._execute(_delayed(self._url, message.to_json(), delay_s))


def _delayed(url: str, body: str, delay_s: int) -> Call:
    params = {"QueueUrl": url, "MessageBody": body, "DelaySeconds": max(0, min(MAX_DELAY_S, delay_s))}
    return Call("sqs", "send_message", params)


class SqsNotificationQueues:
    """Implements `tailrace_consumers.ports.NotificationQueues`."""

    def __init__(self, succeeded: str, failed: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._succeeded = succeeded
        self._failed = failed
        self._execute = execute

    def send(self, body: str, *, succeeded: bool) -> None:
        """Send a notification to the queue of the endpoint's own."""
        url = self._succeeded if succeeded else self._failed
        self._execute(Call("sqs", "send_message", {"QueueUrl": url, "MessageBody": body}))


class SqsParkedQueue:
    """Implements `tailrace_consumers.ports.ParkedQueue`."""

    def __init__(self, url: str, execute: Callable[[Call], Mapping[str, Any]]) -> None:
        self._url = url
        self._execute = execute

    def send(self, event: ChunkParked) -> None:
        """Send the event."""
        self._execute(Call("sqs", "send_message", {"QueueUrl": self._url, "MessageBody": event.to_json()}))
