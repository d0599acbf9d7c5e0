"""Names of resource types, and queries of a template that several rules share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.infra.templates import Template, target

QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
TOPIC, TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
BUCKET, BUCKET_POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
TABLE, FUNCTION = "AWS::DynamoDB::Table", "AWS::Lambda::Function"
MAPPING, SUBSCRIPTION = "AWS::Lambda::EventSourceMapping", "AWS::SNS::Subscription"
SCHEDULE, ROLE, KEY = "AWS::Scheduler::Schedule", "AWS::IAM::Role", "AWS::KMS::Key"
LOG_GROUP, ALARM = "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm"
MODEL, ENDPOINT_CONFIG = "Custom::Model", "AWS::SageMaker::EndpointConfig"
DOMAIN = "AWS::SageMaker::Domain"
SCALABLE_TARGET, SCALING_POLICY = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)

# The role that manages stacks: it holds no data, and grants what a stack's own roles must not have.
DEPLOYER = "infra/deployer.yaml"

# Takes a resolved template and yields its findings as texts.
Rule = Callable[[Template], Iterator[str]]


def dead_letter_queue_of(template: Template, queue: str) -> str:
    """Return the logical id of a queue's dead-letter queue; empty if it has none."""
    return target(template.properties(queue).get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def ticks_given_up(template: Template) -> set[str]:
    """Return the queues of undelivered ticks, which a nested stack's schedule and the function have."""
    given = template.body["Resources"].get("Ticks", {}).get("Properties", {}).get("Parameters", {})
    return {target(given.get("DeadLetterQueueArn"))} - {""}


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a value, except keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)
