"""Rules for queues: dead letters, visibility timeouts, and the one service that may send."""

from __future__ import annotations

from collections.abc import Iterator

from tests.infra.rules.shapes import (
    MAPPING,
    QUEUE,
    QUEUE_POLICY,
    SCHEDULE,
    SUBSCRIPTION,
    TOPIC_POLICY,
    dead_letter_queue_of,
    ticks_given_up,
)
from tests.infra.templates import Template, as_list, target

DEFAULT_RETENTION_S, DEFAULT_VISIBILITY_S = 345600, 30


def every_queue_has_a_dead_letter_queue_that_keeps_longer(template: Template) -> Iterator[str]:
    queues = template.of_type(QUEUE)
    dead = {dead_letter_queue_of(template, queue) for queue in queues} | ticks_given_up(template)
    for queue in queues.keys() - dead:
        letters = dead_letter_queue_of(template, queue)
        if letters not in queues:
            yield f"{queue} has no dead-letter queue in this template"
            continue
        if letters != queue.removesuffix("Queue") + "DeadLetterQueue":
            yield f"{queue}'s dead-letter queue is {letters}"
        # A message that moves to the dead-letter queue keeps the time at which it was first sent.
        kept, kept_dead = (
            int(template.properties(each).get("MessageRetentionPeriod", DEFAULT_RETENTION_S))
            for each in (queue, letters)
        )
        if kept_dead <= kept:
            yield f"{letters} keeps messages {kept_dead} s, {queue} {kept} s"
        if int(template.properties(queue)["RedrivePolicy"]["maxReceiveCount"]) < 5:
            yield f"{queue} gives a message up after fewer than 5 receives"


def every_schedule_has_a_dead_letter_queue(template: Template) -> Iterator[str]:
    for key, schedule in template.of_type(SCHEDULE).items():
        aimed = schedule["Properties"]["Target"]
        if target(aimed.get("DeadLetterConfig", {}).get("Arn")) != "DeadLetterQueueArn":
            yield f"{key} has no dead-letter queue of the stack"
        if "RetryPolicy" not in aimed:
            yield f"{key} tries for a day what the next tick does anyway"


def visibility_covers_the_function(template: Template) -> Iterator[str]:
    for key, mapping in template.of_type(MAPPING).items():
        properties = mapping["Properties"]
        queue, function = target(properties["EventSourceArn"]), target(properties["FunctionName"])
        needed = 6 * template.properties(function)["Timeout"] + properties.get("MaximumBatchingWindowInSeconds", 0)
        if template.properties(queue).get("VisibilityTimeout", DEFAULT_VISIBILITY_S) < needed:
            yield f"{key}: {queue} must hide messages for {needed} s"


def readers_wait_for_messages(template: Template) -> Iterator[str]:
    dead = {dead_letter_queue_of(template, queue) for queue in template.of_type(QUEUE)} | ticks_given_up(template)
    for queue in template.of_type(QUEUE).keys() - dead:
        if template.properties(queue).get("ReceiveMessageWaitTimeSeconds", 0) < 1:
            yield f"{queue} answers at once when it is empty, and each answer costs"


def mappings_report_single_failures(template: Template) -> Iterator[str]:
    for key, mapping in template.of_type(MAPPING).items():
        if mapping["Properties"].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{key}: one bad message would bring its whole batch back"


def mappings_are_bounded(template: Template) -> Iterator[str]:
    for key, mapping in template.of_type(MAPPING).items():
        properties = mapping["Properties"]
        bound = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        reserved = template.properties(target(properties["FunctionName"])).get("ReservedConcurrentExecutions")
        if bound is None:
            yield f"{key}: concurrency has no bound"
        elif reserved is not None and int(bound) > int(reserved):
            yield f"{key} works on {bound} batches at once with {reserved} executions: the rest is throttled"


def policies_stand_on_what_they_speak_of(template: Template) -> Iterator[str]:
    for kind, attached in ((QUEUE_POLICY, "Queues"), (TOPIC_POLICY, "Topics")):
        for key, statement in template.policy_statements(kind):
            names = [target(reference) for reference in template.properties(key)[attached]]
            if [target(resource) for resource in as_list(statement["Resource"])] != names:
                yield f"{key}: {statement['Sid']} is about another resource than the policy is attached to"


def subscriptions_can_deliver_and_lose_nothing(template: Template) -> Iterator[str]:
    allowed = {
        (target(statement["Resource"]), target(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
        for _, statement in template.policy_statements(QUEUE_POLICY)
        if statement["Effect"] == "Allow" and "ArnEquals" in statement.get("Condition", {})
    }
    for key, subscription in template.of_type(SUBSCRIPTION).items():
        properties = subscription["Properties"]
        if properties["Protocol"] != "sqs":
            continue
        topic, queue = target(properties["TopicArn"]), target(properties["Endpoint"])
        letters = target(properties.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        if not properties.get("RawMessageDelivery"):
            yield f"{key} wraps messages"
        if not letters:
            yield f"{key} has no dead-letter queue"
        for receiver in filter(None, (queue, letters)):
            if (receiver, topic) not in allowed:
                yield f"{key}: {receiver} does not let {topic} send"


RULES = (
    every_queue_has_a_dead_letter_queue_that_keeps_longer,
    every_schedule_has_a_dead_letter_queue,
    visibility_covers_the_function,
    readers_wait_for_messages,
    mappings_report_single_failures,
    mappings_are_bounded,
    policies_stand_on_what_they_speak_of,
    subscriptions_can_deliver_and_lose_nothing,
)
