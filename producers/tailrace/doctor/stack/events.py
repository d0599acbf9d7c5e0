"""Events that queues get from EventBridge: transform jobs, executions, files that arrive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tailrace.doctor.checks import each
from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, problems_or
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import NotFoundError

QUEUES = ("TransformsQueueUrl", "CuttingEndsQueueUrl", "InboxQueueUrl")
"""Outputs of the queues that a rule of EventBridge sends to, where the stack has them."""
_REDEPLOY = "sam deploy"


def delivery(stack: Deployment) -> Steps[list[Finding]]:
    """Require that each queue's policy lets its rule send."""
    outputs = [name for name in QUEUES if name in stack.outputs]

    def look(output: str) -> Steps[list[Finding]]:
        params = {"QueueUrl": stack.output(output), "AttributeNames": ["Policy"]}
        answer = yield Call("sqs", "get_queue_attributes", params)
        policy = json.loads((answer.get("Attributes") or {}).get("Policy") or "{}")
        if any(_lets_rule_send(statement) for statement in policy.get("Statement", [])):
            return [ok(output)]
        name = output.removesuffix("Url")
        return [fail(f"the policy of {name} does not let EventBridge send: its events are lost", command=_REDEPLOY)]

    found = yield from each(outputs, look)
    return problems_or(found, "the queues' policies let EventBridge send" if outputs else "no queue waits for events")


def machine(stack: Deployment) -> Steps[list[Finding]]:
    """Require the state machine that cuts sources in S3, in a stack that has one."""
    arn = stack.outputs.get("CuttingStateMachine")
    if arn is None:
        return [ok("the stack does not cut sources in S3 (RemoteCutting)")]
    try:
        answer = yield Call("stepfunctions", "describe_state_machine", {"stateMachineArn": arn})
    except NotFoundError:
        return [fail("the state machine that cuts sources in S3 is gone", command=_REDEPLOY)]
    if answer["status"] != "ACTIVE":
        return [fail(f"the state machine that cuts sources in S3 is {answer['status']}", command=_REDEPLOY)]
    return [ok("the state machine that cuts sources in S3 is ACTIVE")]


def arrivals(stack: Deployment) -> Steps[list[Finding]]:
    """Require that the bucket reports what arrives, in a stack with an inbox."""
    if "InboxQueueUrl" not in stack.outputs:
        return [ok("the stack has no inbox")]
    answer = yield Call("s3", "get_bucket_notification_configuration", {"Bucket": stack.output("Bucket")})
    if "EventBridgeConfiguration" in answer:
        return [ok("the bucket reports to EventBridge what arrives")]
    seen = "the bucket reports nothing to EventBridge: files below v1/inbox/ start no jobs"
    return [fail(seen, command=_REDEPLOY, advice="files that arrived meanwhile have to be put again")]


def _lets_rule_send(statement: Mapping[str, Any]) -> bool:
    principal, action = statement.get("Principal"), statement.get("Action", [])
    service = principal.get("Service") if isinstance(principal, dict) else None
    names = [action] if isinstance(action, str) else action
    sends = any(name.lower() in {"sqs:sendmessage", "sqs:*"} for name in names)
    return statement.get("Effect") == "Allow" and service == "events.amazonaws.com" and sends
