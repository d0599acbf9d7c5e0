"""An account with one healthy stack, as answers by operation. A test changes one answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tailrace.doctor.commands import Commands
from tailrace.doctor.deployment import Deployment, look_up
from tailrace.doctor.diagnosis import diagnose
from tailrace.doctor.findings import Finding, Status
from tailrace.doctor.stack.cloudformation import OUTPUTS
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import AccessDeniedError

NOW = 1_800_000_000.0
ID = "123456789012"
REGION = "eu-west-1"
ROLE = f"arn:aws:sts::{ID}:assumed-role/operator/session"
COMMANDS = Commands({"--region": REGION}, "demand")

Answer = Callable[[Mapping[str, Any]], Any]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ID}:{resource}"


def _output(name: str) -> str:
    if name.endswith("Queue"):
        return f"https://sqs.{REGION}.amazonaws.com/{ID}/demand-{name}"
    if name.endswith("Topic"):
        return arn("sns", f"demand-{name}")
    return f"arn:aws:iam::{ID}:policy/{name}" if name.endswith("Policy") else f"demand-{name.lower()}"


VALUES = {name: _output(name) for name in (*OUTPUTS, "AlarmTopic")}
QUEUES = {
    "SucceededQueue": "SucceededTopic",
    "FailedQueue": "FailedTopic",
    "ResultsQueue": "ResultsTopic",
    "OutboxQueue": "ResultsTopic",
}
HEARING = ("TransformsQueue", "CuttingEndsQueue", "InboxQueue")
"""The queues that rules of EventBridge send to."""


def queue_arn(name: str) -> str:
    return arn("sqs", f"demand-{name}")


def denied(operation: str) -> Answer:
    def refuse(_: Mapping[str, Any]) -> Any:
        raise AccessDeniedError(f"{operation}: AccessDenied: no", operation=operation)

    return refuse


class Account:
    """Answers calls; ``answers`` may be replaced one by one."""

    def __init__(self, **parameters: str) -> None:
        self.calls: list[Call] = []
        self.parameters = {"MaxInstanceCount": "0", "MaximumConcurrency": "10", **parameters}
        self.status = "CREATE_COMPLETE"
        self.age_s = 86_400
        self.outputs = dict(VALUES)
        self.counts: dict[str, dict[str, str]] = {}
        """Attributes of a queue, by the last part of its name."""
        self.metrics: dict[tuple[str, str], list[float]] = {("Invocations", "demand-reconcilejobsfunction"): [1.0, 1.0]}
        """Values by the metric's name and its one dimension's value."""
        self.subscribed: dict[str, list[str]] = {}
        for queue, topic in QUEUES.items():
            self.subscribed.setdefault(VALUES[topic], []).append(queue_arn(queue))
        self.subscribed[VALUES["AlarmTopic"]] = ["ops@example.com"]
        self.attributes = {"RawMessageDelivery": "true", "RedrivePolicy": "{}"}
        self.endpoint: dict[str, Any] = {
            "EndpointStatus": "InService",
            "EndpointArn": arn("sagemaker", "endpoint/demand-endpointname"),
            "EndpointConfigName": "configuration",
            "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": 1}],
            "AsyncInferenceConfig": {
                "OutputConfig": {
                    "S3OutputPath": f"s3://{VALUES['Bucket']}/v1/outputs",
                    "S3FailurePath": f"s3://{VALUES['Bucket']}/v1/failures",
                    "NotificationConfig": {
                        "SuccessTopic": VALUES["SucceededTopic"],
                        "ErrorTopic": VALUES["FailedTopic"],
                    },
                }
            },
        }
        self.mapping = {"UUID": "u-1", "State": "Enabled", "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        self.answers: dict[str, Answer] = {
            "sts.get_caller_identity": lambda _: {
                "Arn": ROLE,
                "Account": ID,
                "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}},
            },
            "iam.get_role": lambda asked: {"Role": {"Arn": f"arn:aws:iam::{ID}:role/team/{asked['RoleName']}"}},
            "iam.simulate_principal_policy": lambda asked: {
                "EvaluationResults": [
                    {"EvalActionName": name, "EvalDecision": "allowed"} for name in asked["ActionNames"]
                ]
            },
            "cloudformation.describe_stacks": lambda _: {"Stacks": [self._stack()]},
            "cloudformation.list_stack_resources": lambda _: {
                "StackResourceSummaries": [
                    {"LogicalResourceId": name, "PhysicalResourceId": name}
                    for name in ("ReconcileJobsSchedule", "ReconcileJobsScheduleGroup")
                ]
            },
            "s3.head_bucket": lambda _: {},
            "s3.get_bucket_notification_configuration": lambda _: {"EventBridgeConfiguration": {}},
            "stepfunctions.describe_state_machine": lambda _: {"status": "ACTIVE"},
            "dynamodb.describe_table": lambda _: {
                "Table": {
                    "TableStatus": "ACTIVE",
                    "GlobalSecondaryIndexes": [{"IndexName": "due"}, {"IndexName": "created"}],
                }
            },
            "kms.describe_key": lambda _: {"KeyMetadata": {"KeyState": "Enabled"}},
            "sagemaker.describe_endpoint": lambda _: self.endpoint,
            "logs.describe_log_streams": lambda _: {"logStreams": [{"logStreamName": "AllTraffic/i-1"}]},
            "logs.get_log_events": lambda _: {"events": [{"message": "Traceback\n"}, {"message": "KeyError: 'x'\n"}]},
            "application-autoscaling.describe_scalable_targets": lambda _: {
                "ScalableTargets": [{"MinCapacity": 0, "MaxCapacity": 3, "SuspendedState": {}}]
            },
            "application-autoscaling.describe_scaling_policies": lambda _: {
                "ScalingPolicies": [{"PolicyName": "FollowBacklog"}, {"PolicyName": "LeaveZero"}]
            },
            "application-autoscaling.describe_scaling_activities": lambda _: {"ScalingActivities": []},
            "sns.list_subscriptions_by_topic": lambda asked: {
                "Subscriptions": [
                    {"Endpoint": endpoint, "SubscriptionArn": f"{asked['TopicArn']}:{endpoint.rpartition(':')[2]}"}
                    for endpoint in self.subscribed[asked["TopicArn"]]
                ]
            },
            "sns.get_subscription_attributes": lambda _: {"Attributes": self.attributes},
            "sqs.get_queue_attributes": self._queue,
            "lambda.list_event_source_mappings": lambda asked: {
                "EventSourceMappings": [{**self.mapping, "EventSourceArn": asked["EventSourceArn"]}]
            },
            "lambda.get_function": lambda _: {"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}},
            "lambda.get_account_settings": lambda _: {
                "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
            },
            "scheduler.get_schedule": lambda asked: {
                "Name": asked["Name"],
                "GroupName": asked["GroupName"],
                "State": "ENABLED",
                "ScheduleExpression": "rate(5 minutes)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": "arn", "RoleArn": "role"},
            },
            "cloudwatch.get_metric_statistics": self._metric,
            "cloudwatch.describe_alarms": lambda asked: {
                "MetricAlarms": []
                if asked.get("StateValue")
                else [
                    {
                        "AlarmName": "demand-Watch-1-ParkedChunks-1",
                        "AlarmDescription": "page: chunks are parked",
                        "AlarmActions": [VALUES["AlarmTopic"]],
                    }
                ]
            },
        }

    def with_files(self) -> Account:
        """Give the stack an inbox, whose sources it cuts in S3."""
        self.outputs |= {
            "CuttingStateMachine": arn("states", "stateMachine:tailrace-1-cutting"),
            **{f"{queue}QueueUrl": _output(f"{queue}Queue") for queue in ("CuttingEnds", "Inbox", "Outbox")},
            **{
                name: _output(name)
                for name in (f"{queue}DeadLetterQueue" for queue in ("CuttingEnds", "Inbox", "Outbox"))
            },
            **{f"{name}Function": f"demand-{name}" for name in ("FailCutting", "StartJobs", "DeliverResults")},
        }
        return self

    def execute(self, call: Call) -> Any:
        """Answer a call as boto3 does."""
        self.calls.append(call)
        return self.answers[f"{call.service}.{call.operation}"](call.params)

    def findings(self) -> list[Finding]:
        """Diagnose the stack."""
        return list(diagnose("demand", COMMANDS, self.execute, now=lambda: NOW))

    def problems(self) -> dict[str, Finding]:
        """Return the first finding of each check that is not OK."""
        return {each.check: each for each in reversed(self.findings()) if each.status is not Status.OK}

    def deployment(self) -> Deployment:
        """Return the stack as checks see it."""
        return run(look_up("demand", COMMANDS, lambda: NOW), self.execute)

    def _stack(self) -> dict[str, Any]:
        return {
            "StackId": arn("cloudformation", "stack/demand/1"),
            "StackStatus": self.status,
            "CreationTime": datetime.fromtimestamp(NOW - self.age_s, UTC),
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
        }

    def _queue(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked["QueueUrl"].rpartition("demand-")[2]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": f"{'events' if name in HEARING else 'sns'}.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Condition": {"ArnEquals": {"aws:SourceArn": VALUES.get(QUEUES.get(name, ""), "")}},
        }
        return {"Attributes": {"Policy": json.dumps({"Statement": [statement]}), **self.counts.get(name, {})}}

    def _metric(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        (dimension,) = asked["Dimensions"]
        values = self.metrics.get((asked["MetricName"], dimension["Value"]), [])
        return {"Datapoints": [{asked["Statistics"][0]: value} for value in values]}


class Connection:
    """A connection to an account that answers from memory."""

    region = REGION
    where = f"region {REGION}"

    def __init__(self, account: Account) -> None:
        self._account = account
        self.closed = False

    def execute(self, call: Call) -> Any:
        return self._account.execute(call)

    def close(self) -> None:
        self.closed = True
