"""A queue that hears what a topic of alarms is told."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually


def states(message: dict[str, Any]) -> tuple[str, str]:
    """Before and after."""
    return message["OldStateValue"], message["NewStateValue"]


class AlarmQueue:
    """Subscribed to a topic; messages are read once and remembered."""

    def __init__(self, cloud: RunningCloud, topic_arn: str) -> None:
        self._sqs = cloud.client("sqs")
        self._sns = cloud.client("sns")
        self._url = self._sqs.create_queue(QueueName=f"alarms-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        subscribed = self._sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        self._subscription = subscribed["SubscriptionArn"]
        self.heard: list[dict[str, Any]] = []

    def close(self) -> None:
        """Hear no more."""
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self._url)

    def told(self, alarm: str, before: str, after: str, *, within_s: float = 180.0) -> dict[str, Any]:
        """The message that the alarm, whose name holds this, went from one state to another."""

        def look() -> dict[str, Any] | None:
            self._read()
            wanted = (before, after)
            return next((each for each in self.heard if alarm in each["AlarmName"] and states(each) == wanted), None)

        found = eventually(look, within_s=within_s, what=f"{alarm} from {before} to {after}")
        assert found is not None
        return found

    def _read(self) -> None:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            self.heard.append(json.loads(json.loads(message["Body"])["Message"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
