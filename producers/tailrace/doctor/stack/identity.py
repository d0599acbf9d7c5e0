"""The caller's identity, its clock, and the tasks that it may do on the stack."""

from __future__ import annotations

from collections.abc import Mapping

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, problems_or, warn
from tailrace.doctor.principal import Denied, Principal, caller, denied, policy_source
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import PermanentError

_SHOWN = 4
POLICIES = {"submit": "ProducerPolicy", "read results": "ReaderPolicy", "operate": "OperatorPolicy"}
"""Each task, and the output that holds the policy for it."""


def identity(stack: Deployment) -> Steps[list[Finding]]:
    """Require an identity of the stack's account."""
    who = yield from caller()
    if who.account != stack.account:
        seen = f"{who.arn} belongs to another account than the stack ({stack.account})"
        return [fail(seen, advice="choose the profile of the stack's account with --profile")]
    return [ok(f"{who.arn}")]


def tasks(stack: Deployment) -> Steps[list[Finding]]:
    """Simulate the actions of each task: to submit jobs, to read results, to operate."""
    who = yield from caller()
    if who.kind == "root":
        return [ok("the account's root may do everything")]
    if who.kind not in {"user", "assumed-role"}:
        return [cannot_tell(f"IAM does not simulate a {who.kind}")]
    source = yield from policy_source(who)
    found: list[Finding] = []
    for task, needs in needed(stack, (yield from _endpoint_arn(stack))).items():
        missing: list[Denied] = []
        for resource, actions in needs.items():
            missing += yield from denied(source, actions, resource)
        if missing:
            found.append(_lacking(stack, who, task, missing))
    return problems_or(found, f"{who.name} may {', '.join(POLICIES)}")


def _lacking(stack: Deployment, who: Principal, task: str, missing: list[Denied]) -> Finding:
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    seen = f"{who.name} may not {task}: {', '.join(map(str, missing[:_SHOWN]))}{more}"
    policy = stack.output(POLICIES[task])
    if who.name.startswith("AWSReservedSSO_"):
        return warn(seen, advice=f"attach {policy} to its permission set in IAM Identity Center")
    kind = "user" if who.kind == "user" else "role"
    command = stack.commands.aws("iam", f"attach-{kind}-policy", f"--{kind}-name", who.name, "--policy-arn", policy)
    return warn(seen, command=command, advice="where this identity should do that")


def _endpoint_arn(stack: Deployment) -> Steps[str]:
    """Return the endpoint's ARN in SageMaker's spelling, which IAM compares by case.

    Empty in a stack without an endpoint.
    """
    if stack.kind == "none":
        return ""
    try:
        answer = yield Call("sagemaker", "describe_endpoint", {"EndpointName": stack.endpoint})
    except PermanentError:
        # SageMaker writes ARNs in lower case.
        return stack.arn_of("sagemaker", f"endpoint/{stack.endpoint.lower()}")
    return str(answer["EndpointArn"])


def _invoked(stack: Deployment, endpoint: str) -> dict[str, tuple[str, ...]]:
    """Return what invoking needs, for each engine of the stack."""
    sent = ("sqs:SendMessage",)
    queues = [stack.queue_arn(each) for each in ("ScoringQueueUrl", "TransformsQueueUrl") if each in stack.outputs]
    direct = {endpoint: ("sagemaker:InvokeEndpointAsync",)} if stack.kind == "async" else {}
    return {**direct, **dict.fromkeys(queues, sent)}


def needed(stack: Deployment, endpoint: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return for each task the actions, by resource, that the stack's policies grant."""
    bucket = f"arn:{stack.partition}:s3:::{stack.output('Bucket')}"
    table = stack.arn_of("dynamodb", f"table/{stack.output('LedgerTable')}")
    job = f"{bucket}/v1/jobs/JOB"
    machine = stack.outputs.get("CuttingStateMachine")
    take = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
    return {
        "submit": {
            f"{job}/input/0-1.csv": ("s3:PutObject",),
            f"{job}/parts/0-1.csv": ("s3:PutObject", "s3:GetObject"),
            table: (
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:Query",
            ),
            **_invoked(stack, endpoint),
            **({machine: ("states:StartExecution",)} if machine else {}),
            stack.output("ResultsTopic"): ("sns:Publish",),
        },
        "read results": {
            stack.queue_arn("ResultsQueue"): take,
            f"{job}/parts/0-1.csv": ("s3:GetObject",),
        },
        "operate": {
            stack.queue_arn("ParkedQueue"): (*take, "sqs:SendMessage"),
            stack.queue_arn("FailedDeadLetterQueue"): take,
            stack.queue_arn("RetriesQueue"): ("sqs:SendMessage",),
            table: ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
            f"{job}/input/0-1.csv": ("s3:GetObject", "s3:PutObject"),
        },
    }
