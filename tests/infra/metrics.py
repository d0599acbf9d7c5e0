"""Published metrics and their dimensions: AWS's from its documentation, Tailrace's from its code.

CloudWatch takes an alarm on a metric that nobody publishes, and says nothing: it stays without data
for ever.
"""

from __future__ import annotations

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.reconcile_jobs.visits import Finding
from tailrace_consumers.runtime.metrics import Metric

Names = frozenset[str]
ENDPOINT, VARIANT = frozenset({"EndpointName"}), frozenset({"EndpointName", "VariantName"})
QUEUE, TOPIC, FUNCTION = frozenset({"QueueName"}), frozenset({"TopicName"}), frozenset({"FunctionName"})
TABLE, OPERATION = frozenset({"TableName"}), frozenset({"TableName", "Operation"})

AWS: dict[tuple[str, Names], Names] = {
    # The service's page calls its list exhaustive for asynchronous endpoints: no Invocations, no
    # OverheadLatency. InvocationsProcessed is left out: the page has it with three s.
    ("AWS/SageMaker", ENDPOINT): frozenset({
        "ApproximateBacklogSize", "ApproximateBacklogSizePerInstance", "ApproximateAgeOfOldestRequest",
        "HasBacklogWithoutCapacity",
    }),
    ("AWS/SageMaker", VARIANT): frozenset({
        "RequestDownloadFailures", "ResponseUploadFailures", "NotificationFailures", "RequestDownloadLatency",
        "ResponseUploadLatency", "ExpiredRequests", "InvocationFailures", "TimeInBacklog", "TotalProcessingTime",
        "Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency",
        # Of real-time and serverless endpoints, and the last two of serverless ones alone.
        "Invocations", "OverheadLatency", "ServerlessConcurrentExecutionsUtilization",
    }),
    ("/aws/sagemaker/Endpoints", VARIANT): frozenset({
        "CPUUtilization", "MemoryUtilization", "DiskUtilization", "GPUUtilization", "GPUMemoryUtilization",
    }),
    ("AWS/SQS", QUEUE): frozenset({
        "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible", "NumberOfEmptyReceives", "NumberOfMessagesDeleted",
        "NumberOfMessagesReceived", "NumberOfMessagesSent", "SentMessageSize",
    }),
    ("AWS/SNS", TOPIC): frozenset({
        "NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed",
        "NumberOfNotificationsFilteredOut", "NumberOfNotificationsRedrivenToDlq",
        "NumberOfNotificationsFailedToRedriveToDlq", "PublishSize",
    }),
    ("AWS/Lambda", FUNCTION): frozenset({
        "Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions", "AsyncEventsReceived",
        "AsyncEventAge", "AsyncEventsDropped", "DeadLetterErrors",
    }),
    ("AWS/States", frozenset({"StateMachineArn"})): frozenset({
        "ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted",
        "ExecutionThrottled", "ExecutionTime",
    }),
    ("AWS/Events", frozenset({"RuleName"})): frozenset({"FailedInvocations", "MatchedEvents", "TriggeredRules"}),
    # Published by group only, not by schedule.
    ("AWS/Scheduler", frozenset({"ScheduleGroup"})): frozenset({
        "InvocationAttemptCount", "TargetErrorCount", "TargetErrorThrottledCount", "InvocationThrottleCount",
        "InvocationDroppedCount", "InvocationsSentToDeadLetterCount", "InvocationsFailedToBeSentToDeadLetterCount",
    }),
    ("AWS/DynamoDB", TABLE): frozenset({
        "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents",
    }),
    ("AWS/DynamoDB", OPERATION): frozenset({"SystemErrors", "ThrottledRequests", "SuccessfulRequestLatency"}),
    ("AWS/Logs", frozenset({"LogGroupName"})): frozenset({"IncomingBytes", "IncomingLogEvents"}),
    ("AWS/S3", frozenset({"BucketName", "StorageType"})): frozenset({"BucketSizeBytes", "NumberOfObjects"}),
}  # fmt: skip

OPERATIONS = frozenset({
    "GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems", "TransactGetItems",
})  # fmt: skip

_OF_MESSAGES = frozenset({*map(str, Outcome), *(map(str, set(Metric) - {Metric.JOBS_PAST_DEADLINE}))})
OURS: dict[str, Names] = {
    "collect_results": _OF_MESSAGES,
    "handle_failures": _OF_MESSAGES,
    "dispatch_retries": frozenset(map(str, Outcome)),
    "start_jobs": frozenset(map(str, Outcome)),
    "deliver_results": frozenset(map(str, Outcome)),
    "reconcile_jobs": frozenset({*map(str, Finding), str(Metric.JOBS_PAST_DEADLINE)}),
}
"""Metrics by the dimension ``service``; ``stack`` is the other one."""


def published(namespace: str, name: str, dimensions: dict[str, str]) -> bool:
    """Return true if a metric of that name exists with exactly these dimensions."""
    if namespace == "Tailrace":
        return dimensions.keys() == {"stack", "service"} and name in OURS.get(dimensions["service"], ())
    if dimensions.get("Operation", "GetItem") not in OPERATIONS:
        return False
    return name in AWS.get((namespace, frozenset(dimensions)), ())
