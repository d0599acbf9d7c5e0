"""Everything that a stack can leave in an account, listed service by service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tailrace_local.testing import RunningCloud


def inventory(cloud: RunningCloud) -> set[str]:
    """Return ``service kind name`` of each existing resource."""
    return {f"{kind} {name}" for kind, names in _kinds(cloud) for name in names}


def _kinds(cloud: RunningCloud) -> Iterator[tuple[str, list[str]]]:
    yield "bucket", _named(cloud, "s3", "list_buckets", "Buckets", "Name")
    yield "table", _named(cloud, "dynamodb", "list_tables", "TableNames")
    yield "queue", _named(cloud, "sqs", "list_queues", "QueueUrls")
    yield "topic", _named(cloud, "sns", "list_topics", "Topics", "TopicArn")
    yield "subscription", _named(cloud, "sns", "list_subscriptions", "Subscriptions", "SubscriptionArn")
    yield "function", _named(cloud, "lambda", "list_functions", "Functions", "FunctionName")
    yield "mapping", _named(cloud, "lambda", "list_event_source_mappings", "EventSourceMappings", "UUID")
    yield "role", _named(cloud, "iam", "list_roles", "Roles", "RoleName")
    yield "policy", _named(cloud, "iam", "list_policies", "Policies", "PolicyName", Scope="Local")
    yield "log group", _named(cloud, "logs", "describe_log_groups", "logGroups", "logGroupName")
    yield "alarm", _named(cloud, "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")
    yield "dashboard", _named(cloud, "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName")
    yield "schedule", _named(cloud, "scheduler", "list_schedules", "Schedules", "Name")
    yield "model", _named(cloud, "sagemaker", "list_models", "Models", "ModelName")
    yield "endpoint", _named(cloud, "sagemaker", "list_endpoints", "Endpoints", "EndpointName")
    yield (
        "endpoint config",
        _named(cloud, "sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    )
    scaling = {"ServiceNamespace": "sagemaker"}
    yield (
        "target",
        _named(
            cloud, "application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId", **scaling
        ),
    )
    yield (
        "scaling policy",
        _named(
            cloud, "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", "PolicyARN", **scaling
        ),
    )


def _named(
    cloud: RunningCloud, service: str, operation: str, member: str, name: str | None = None, **asked: Any
) -> list[str]:
    client = cloud.client(service)
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**asked)
    else:
        pages = [getattr(client, operation)(**asked)]
    found = [one for page in pages for one in page.get(member, [])]
    return [str(one[name]) if name else str(one) for one in found]
