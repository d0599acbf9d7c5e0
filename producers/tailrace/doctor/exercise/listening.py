"""A temporary queue that hears the endpoint's notifications beside the pipeline's own queues."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from tailrace.doctor.deployment import Deployment
from tailrace_core.aws.calls import Call
from tailrace_core.errors import TailraceError

_TOPICS = ("SucceededTopic", "FailedTopic")
Execute = Callable[[Call], Any]


class Ear:
    """Receives the notifications in SNS's envelope, as the topics sent them."""

    def __init__(self, url: str, execute: Execute) -> None:
        self._url = url
        self._execute = execute

    def hear(self, wait_s: int) -> Iterator[dict[str, Any]]:
        """Yield envelopes; wait up to ``wait_s`` seconds for the first one."""
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_s}
        for message in self._execute(Call("sqs", "receive_message", asked)).get("Messages", ()):
            self._execute(
                Call("sqs", "delete_message", {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]})
            )
            yield json.loads(message["Body"])


@contextlib.contextmanager
def listening(stack: Deployment, name: str, execute: Execute) -> Iterator[Ear]:
    """Make a queue, subscribe it to both topics, and remove both afterwards.

    Raises:
        TailraceError: the identity may not do that; what was made is removed.
    """
    with contextlib.ExitStack() as made:
        arn = stack.arn_of("sqs", name)
        topics = [stack.output(topic) for topic in _TOPICS]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        asked = {"QueueName": name, "Attributes": {"Policy": policy, "MessageRetentionPeriod": "3600"}}
        url = execute(Call("sqs", "create_queue", asked))["QueueUrl"]
        made.callback(_quietly, execute, Call("sqs", "delete_queue", {"QueueUrl": url}))
        for topic in topics:
            wanted = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": True}
            subscription = execute(Call("sns", "subscribe", wanted))["SubscriptionArn"]
            made.callback(_quietly, execute, Call("sns", "unsubscribe", {"SubscriptionArn": subscription}))
        yield Ear(url, execute)


def _quietly(execute: Execute, call: Call) -> None:
    # What is left behind costs nothing, and its name says where it comes from.
    with contextlib.suppress(TailraceError):
        execute(call)
