"""The checks of a stack, in the order of the report."""

from __future__ import annotations

from tailrace.doctor.checks import Check
from tailrace.doctor.clock import clock
from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding
from tailrace.doctor.stack import (
    alarms,
    cloudformation,
    endpoint,
    events,
    functions,
    identity,
    queues,
    scaling,
    schedule,
    storage,
    topics,
)
from tailrace_core.aws.calls import Steps

_ALARMS = ("cloudwatch:DescribeAlarms",)
_SUBSCRIPTIONS = ("sns:ListSubscriptionsByTopic",)
_COUNTS = ("sqs:GetQueueAttributes",)
_METRICS = ("cloudwatch:GetMetricStatistics",)
_LOG = ("logs:DescribeLogStreams", "logs:GetLogEvents")


def _clock(stack: Deployment) -> Steps[list[Finding]]:
    """Compare the time of an answer with this machine's."""
    return clock(stack.now)


CHECKS: tuple[Check[Deployment], ...] = (
    Check("identity", ("sts:GetCallerIdentity",), identity.identity),
    Check("clock", ("sts:GetCallerIdentity",), _clock),
    Check(
        "tasks",
        ("sts:GetCallerIdentity", "iam:GetRole", "iam:SimulatePrincipalPolicy", "sagemaker:DescribeEndpoint"),
        identity.tasks,
    ),
    Check("stack", ("cloudformation:DescribeStackEvents",), cloudformation.state),
    Check("outputs", (), cloudformation.outputs),
    Check("bucket", ("s3:ListBucket",), storage.bucket),
    Check("ledger", ("dynamodb:DescribeTable",), storage.ledger),
    Check("key", ("kms:DescribeKey",), storage.key),
    Check("endpoint", ("sagemaker:DescribeEndpoint", *_LOG), endpoint.state),
    Check("endpoint-configuration", ("sagemaker:DescribeEndpoint",), endpoint.configuration),
    Check("instances", ("sagemaker:DescribeEndpoint", *_LOG), endpoint.instances),
    Check(
        "scaling",
        (
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DescribeScalingActivities",
        ),
        scaling.scaling,
    ),
    Check("subscriptions", _SUBSCRIPTIONS, topics.subscriptions),
    Check("filters", (*_SUBSCRIPTIONS, "sns:GetSubscriptionAttributes"), topics.filters),
    Check("delivery", _COUNTS, topics.delivery),
    Check("events", _COUNTS, events.delivery),
    Check("arrivals", ("s3:GetBucketNotification",), events.arrivals),
    Check("state-machine", ("states:DescribeStateMachine",), events.machine),
    Check("mappings", ("lambda:ListEventSourceMappings",), functions.mappings),
    Check("functions", ("lambda:GetFunction",), functions.functions),
    Check("concurrency", ("lambda:GetAccountSettings",), functions.concurrency),
    Check("schedule", ("cloudformation:ListStackResources", "scheduler:GetSchedule"), schedule.state),
    Check("reconciler", _METRICS, schedule.last_run),
    Check("dead-letters", _COUNTS, queues.dead_letters),
    Check("parked", _COUNTS, queues.parked),
    Check("retries", _COUNTS, queues.retries),
    Check("ages", (*_COUNTS, *_METRICS), queues.ages),
    Check("results-reader", (*_COUNTS, *_METRICS), queues.results_reader),
    Check("alarm-subscribers", _SUBSCRIPTIONS, alarms.subscribers),
    Check("alarm-actions", _ALARMS, alarms.actions),
    Check("alarms", _ALARMS, alarms.active),
)
