"""The topics: subscriptions of their queues, filters, and the queues' policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tailrace.doctor.checks import each
from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, problems_or, warn
from tailrace_core.aws.calls import Call, Steps

QUEUES = {"SucceededQueue": "SucceededTopic", "FailedQueue": "FailedTopic", "ResultsQueue": "ResultsTopic"}
"""The output of each queue that is subscribed to a topic, and the topic's."""
OPTIONAL_QUEUES = {"OutboxQueueUrl": "ResultsTopic"}
"""Queues of stacks with an inbox, which alone have the output."""

_FILTERS: Mapping[str, Any] = {
    "ResultsQueue": {"type": ["PartReady", "JobFinished"], "schema_version": ["1", {"exists": False}]},
    "OutboxQueueUrl": {"type": ["JobFinished"], "schema_version": ["1", {"exists": False}]},
}
"""The filters of template.yaml: events of later types and versions pass by readers of this one."""


def subscribed(stack: Deployment) -> dict[str, str]:
    """Return the outputs of the queues that are subscribed to a topic, each with its topic's."""
    return {**QUEUES, **{queue: topic for queue, topic in OPTIONAL_QUEUES.items() if queue in stack.outputs}}


def _name(queue: str) -> str:
    return queue.removesuffix("Url")


def _dead_letters(stack: Deployment, queue: str) -> str:
    """Return the ARN of the dead-letter queue of a queue."""
    return stack.queue_arn(_name(queue).replace("Queue", "DeadLetterQueue"))


def subscriptions(stack: Deployment) -> Steps[list[Finding]]:
    """Require that each queue is subscribed to its topic."""
    topics = subscribed(stack)

    def look(queue: str) -> Steps[list[Finding]]:
        topic = topics[queue]
        if (yield from _subscription(stack, queue, topic)):
            return [ok(queue)]
        dead = _dead_letters(stack, queue)
        attributes = {"RawMessageDelivery": "true", "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
        if queue in _FILTERS:
            attributes["FilterPolicy"] = json.dumps(_FILTERS[queue])
        command = stack.commands.aws(
            "sns",
            "subscribe",
            "--topic-arn",
            stack.output(topic),
            "--protocol",
            "sqs",
            "--notification-endpoint",
            stack.queue_arn(queue),
            "--attributes",
            json.dumps(attributes),
        )
        return [fail(f"{_name(queue)} is not subscribed to {topic}: its messages are lost", command=command)]

    found = yield from each(topics, look)
    return problems_or(found, f"{', '.join(map(_name, topics))} are subscribed to their topics")


def filters(stack: Deployment) -> Steps[list[Finding]]:
    """Require that subscriptions deliver every message that is known, raw."""
    topics = subscribed(stack)

    def look(queue: str) -> Steps[list[Finding]]:
        arn = yield from _subscription(stack, queue, topics[queue])
        if not arn:
            return []
        answer = yield Call("sns", "get_subscription_attributes", {"SubscriptionArn": arn})
        return list(_flaws(stack, queue, arn, answer["Attributes"]))

    found = yield from each(topics, look)
    return problems_or(found, "the subscriptions deliver every known message, raw")


def _flaws(stack: Deployment, queue: str, arn: str, attributes: Mapping[str, str]) -> list[Finding]:
    def set_to(name: str, value: str) -> str:
        return stack.commands.aws(
            "sns",
            "set-subscription-attributes",
            "--subscription-arn",
            arn,
            "--attribute-name",
            name,
            "--attribute-value",
            value,
        )

    found: list[Finding] = []
    # Stacks of before deliver all results: they have no filter.
    if json.loads(attributes.get("FilterPolicy") or "{}") not in ({}, _FILTERS.get(queue)):
        seen = f"the subscription of {_name(queue)} has a filter, {attributes['FilterPolicy']}: other messages are lost"
        found.append(fail(seen, command=set_to("FilterPolicy", json.dumps(_FILTERS.get(queue, {})))))
    if attributes.get("RawMessageDelivery", "false") != "true":
        seen = f"the subscription of {_name(queue)} wraps messages in SNS's envelope: they cannot be decoded"
        found.append(fail(seen, command=set_to("RawMessageDelivery", "true")))
    if not attributes.get("RedrivePolicy"):
        dead = _dead_letters(stack, queue)
        seen = (
            f"the subscription of {_name(queue)} has no dead-letter queue: messages that cannot be delivered are lost"
        )
        found.append(warn(seen, command=set_to("RedrivePolicy", json.dumps({"deadLetterTargetArn": dead}))))
    return found


def _subscription(stack: Deployment, queue: str, topic: str) -> Steps[str]:
    """Return the ARN of the queue's subscription to the topic; empty when there is none."""
    for subscription in (yield from subscriptions_of(stack.output(topic))):
        if subscription["Endpoint"] == stack.queue_arn(queue):
            return str(subscription["SubscriptionArn"])
    return ""


def subscriptions_of(topic_arn: str) -> Steps[list[Mapping[str, Any]]]:
    """Return the subscriptions of a topic."""
    found: list[Mapping[str, Any]] = []
    params: dict[str, str] = {"TopicArn": topic_arn}
    while True:
        answer = yield Call("sns", "list_subscriptions_by_topic", params)
        found += answer["Subscriptions"]
        if not answer.get("NextToken"):
            return found
        params = {"TopicArn": topic_arn, "NextToken": answer["NextToken"]}


def delivery(stack: Deployment) -> Steps[list[Finding]]:
    """Require that each queue's policy lets its topic send."""
    topics = subscribed(stack)

    def look(queue: str) -> Steps[list[Finding]]:
        topic = topics[queue]
        arn = stack.output(topic)
        url = stack.output(queue)
        answer = yield Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["Policy"]})
        policy = json.loads((answer.get("Attributes") or {}).get("Policy") or "{}")
        statements = policy.get("Statement", [])
        if any(_lets_send(statement, arn) for statement in statements):
            return [ok(queue)]
        statement = {
            "Sid": "AllowTopic",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": stack.queue_arn(queue),
            "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }
        wanted = {"Version": "2012-10-17", "Statement": [*statements, statement]}
        attributes = json.dumps({"Policy": json.dumps(wanted)})
        command = stack.commands.aws("sqs", "set-queue-attributes", "--queue-url", url, "--attributes", attributes)
        return [fail(f"the policy of {_name(queue)} does not let {topic} send: its messages are lost", command=command)]

    found = yield from each(topics, look)
    return problems_or(found, "the queues' policies let their topics send")


def _lets_send(statement: Mapping[str, Any], topic_arn: str) -> bool:
    actions = statement.get("Action", [])
    names = [actions] if isinstance(actions, str) else actions
    sends = any(name.lower() in {"sqs:sendmessage", "sqs:*", "*"} for name in names)
    return statement.get("Effect") == "Allow" and sends and topic_arn in json.dumps(statement.get("Condition", {}))
