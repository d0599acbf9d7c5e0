"""The stack itself: its state, the reasons of a failed deployment, its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, warn
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError

OUTPUTS = (
    "Bucket",
    "LedgerTable",
    "EndpointName",
    "SucceededTopic",
    "FailedTopic",
    "ResultsTopic",
    "ResultsQueue",
    "ResultsDeadLetterQueue",
    "ParkedQueue",
    "ParkedDeadLetterQueue",
    "RetriesQueue",
    "RetriesDeadLetterQueue",
    "SucceededQueue",
    "SucceededDeadLetterQueue",
    "FailedQueue",
    "FailedDeadLetterQueue",
    "CollectResultsFunction",
    "HandleFailuresFunction",
    "DispatchRetriesFunction",
    "ReconcileJobsFunction",
    "ReconcileJobsDeadLetterQueue",
    "ProducerPolicy",
    "ReaderPolicy",
    "OperatorPolicy",
)
"""The outputs that every stack of the current template has."""
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_REMEDIES = {
    "ROLLBACK_COMPLETE": "delete-stack",
    "ROLLBACK_FAILED": "delete-stack",
    "CREATE_FAILED": "delete-stack",
    "DELETE_FAILED": "delete-stack",
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
    "UPDATE_FAILED": "rollback-stack",
}
_MAX_PAGES = 5
_MAX_REASONS = 8
_MAX_DEPTH = 2
_CONSEQUENCES = ("cancelled", "The following resource(s) failed")


def state(stack: Deployment) -> Steps[list[Finding]]:
    """Judge the state of the stack, and name the reasons of a deployment that failed."""
    if stack.status in _GOOD:
        return [ok(f"{stack.name} is {stack.status}")]
    if stack.status.endswith("IN_PROGRESS"):
        command = stack.commands.aws("cloudformation", "describe-stack-events", "--stack-name", stack.name)
        return [warn(f"{stack.name} is {stack.status}", command=command, advice="wait for the end of the deployment")]
    try:
        details = yield from reasons(stack.arn)
    except AccessDeniedError as error:
        details = [f"the events cannot be read: {error}"]
    if stack.status == "UPDATE_ROLLBACK_COMPLETE":
        text = f"the last update of {stack.name} failed and was rolled back"
        return [warn(text, details=details, advice="the previous version runs; fix the reason and deploy again")]
    command = stack.commands.aws(
        "cloudformation", _REMEDIES.get(stack.status, "delete-stack"), "--stack-name", stack.name
    )
    return [fail(f"{stack.name} is {stack.status}", command=command, details=details)]


def reasons(stack: str, depth: int = 0) -> Steps[list[str]]:
    """Return the reasons of the last failed deployment, in order, with those of nested stacks."""
    found: list[str] = []
    for event in (yield from _failures(stack)):
        nested = event["ResourceType"] == "AWS::CloudFormation::Stack" and event.get("PhysicalResourceId")
        inner = []
        if nested and nested != stack and depth < _MAX_DEPTH:
            inner = yield from reasons(nested, depth + 1)
        reason = event.get("ResourceStatusReason", "no reason given")
        found += [f"{event['LogicalResourceId']}/{each}" for each in inner] or [
            f"{event['LogicalResourceId']}: {reason}"
        ]
    return found[:_MAX_REASONS]


def _failures(stack: str) -> Steps[list[Mapping[str, Any]]]:
    """Return the failed events of the last operation in order, without their consequences."""
    failures: list[Mapping[str, Any]] = []
    params: dict[str, str] = {"StackName": stack}
    for _ in range(_MAX_PAGES):
        answer = yield Call("cloudformation", "describe_stack_events", params)
        for event in answer["StackEvents"]:
            own = event.get("PhysicalResourceId") == event.get("StackId")
            if own and event["ResourceStatus"] in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
                return failures[::-1]
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("FAILED") and not any(each in reason for each in _CONSEQUENCES):
                failures.append(event)
        if not answer.get("NextToken"):
            break
        params = {"StackName": stack, "NextToken": answer["NextToken"]}
    return failures[::-1]


def outputs(stack: Deployment) -> Steps[list[Finding]]:
    """Require the outputs by which clients find everything."""
    yield from ()
    # A stack with batch transform jobs alone has no endpoint.
    unneeded = {"EndpointName"} if stack.outputs.get("EndpointKind") == "none" else set()
    missing = [name for name in OUTPUTS if name not in stack.outputs and name not in unneeded]
    if missing:
        advice = "deploy the current template, or name the stack that was deployed from template.yaml"
        return [fail(f"{stack.name} has no output {', '.join(missing)}", advice=advice, command="sam deploy")]
    return [ok(f"all {len(OUTPUTS)} outputs are there")]
