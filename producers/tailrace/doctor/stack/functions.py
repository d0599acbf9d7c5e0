"""The functions: their state, their concurrency, and the mappings of their queues."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.checks import each
from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, problems_or, warn
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import NotFoundError

CONSUMERS = {
    "CollectResults": "SucceededQueue",
    "HandleFailures": "FailedQueue",
    "DispatchRetries": "RetriesQueue",
}
"""Each function, by its logical id, and the output of the queue that is mapped to it."""
OPTIONAL = {
    "ScoreChunks": "ScoringQueueUrl",
    "RunTransforms": "TransformsQueueUrl",
    "FailCutting": "CuttingEndsQueueUrl",
    "StartJobs": "InboxQueueUrl",
    "DeliverResults": "OutboxQueueUrl",
}
"""Functions of some stacks only, which alone have the queue's output."""


def consumers(stack: Deployment) -> dict[str, str]:
    """Return the functions of the stack that read a queue, with the outputs of their queues."""
    return {**CONSUMERS, **{name: queue for name, queue in OPTIONAL.items() if queue in stack.outputs}}


def mappings(stack: Deployment) -> Steps[list[Finding]]:
    """Require an enabled mapping from each queue to its function."""
    mapped = consumers(stack)

    def look(logical_id: str) -> Steps[list[Finding]]:
        function, arn = stack.output(f"{logical_id}Function"), stack.queue_arn(mapped[logical_id])
        answer = yield Call("lambda", "list_event_source_mappings", {"FunctionName": function, "EventSourceArn": arn})
        found = [mapping for mapping in answer["EventSourceMappings"] if mapping["EventSourceArn"] == arn]
        if not found:
            return [_missing(stack, logical_id, function, arn)]
        return [_judged(stack, logical_id, mapping) for mapping in found]

    found = yield from each(mapped, look)
    return problems_or(found, f"the mappings of {', '.join(mapped)} are Enabled")


def _judged(stack: Deployment, logical_id: str, mapping: dict[str, Any]) -> Finding:
    state, uuid = mapping["State"], mapping["UUID"]
    if state in {"Disabled", "Disabling"}:
        command = stack.commands.aws("lambda", "update-event-source-mapping", "--uuid", uuid, "--enabled")
        return fail(f"{logical_id}: the mapping of its queue is {state}; messages wait", command=command)
    if state != "Enabled":
        return warn(f"{logical_id}: the mapping of its queue is {state}", advice="look again in a minute")
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", ()):
        command = stack.commands.aws(
            "lambda",
            "update-event-source-mapping",
            "--uuid",
            uuid,
            "--function-response-types",
            "ReportBatchItemFailures",
        )
        return fail(f"{logical_id}: failed messages of a batch would be deleted with the others", command=command)
    return ok(logical_id)


def _missing(stack: Deployment, logical_id: str, function: str, queue_arn: str) -> Finding:
    command = stack.commands.aws(
        "lambda",
        "create-event-source-mapping",
        "--function-name",
        function,
        "--event-source-arn",
        queue_arn,
        "--batch-size",
        "10",
        "--function-response-types",
        "ReportBatchItemFailures",
        "--scaling-config",
        f"MaximumConcurrency={stack.number('MaximumConcurrency', 10)}",
    )
    return fail(f"{logical_id}: its queue is not mapped to it; messages wait", command=command)


def functions(stack: Deployment) -> Steps[list[Finding]]:
    """Require functions that can run: active, and with concurrency."""

    def look(logical_id: str) -> Steps[list[Finding]]:
        function = stack.output(f"{logical_id}Function")
        try:
            answer = yield Call("lambda", "get_function", {"FunctionName": function})
        except NotFoundError:
            return [fail(f"{logical_id}: the function {function} is gone", command="sam deploy")]
        settings = answer["Configuration"]
        state, update = settings.get("State", "Active"), settings.get("LastUpdateStatus", "Successful")
        if state == "Failed" or update == "Failed":
            reason = settings.get("StateReason") or settings.get("LastUpdateStatusReason") or "no reason given"
            return [fail(f"{logical_id} cannot run ({state}, {update}): {reason}", command="sam deploy")]
        reserved = (answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
        if reserved == 0:
            return [
                fail(f"{logical_id}: its concurrency is 0; it is throttled always", command=_unreserve(stack, function))
            ]
        return [ok(logical_id)]

    names = (*consumers(stack), "ReconcileJobs")
    found = yield from each(names, look)
    return problems_or(found, f"{', '.join(names)} can run")


def _unreserve(stack: Deployment, function: str) -> str:
    wanted = stack.number("ReservedConcurrency")
    if not wanted:
        return stack.commands.aws("lambda", "delete-function-concurrency", "--function-name", function)
    return stack.commands.aws(
        "lambda",
        "put-function-concurrency",
        "--function-name",
        function,
        "--reserved-concurrent-executions",
        str(wanted),
    )


def concurrency(stack: Deployment) -> Steps[list[Finding]]:
    """Compare the account's concurrency with that of the mappings."""
    answer = yield Call("lambda", "get_account_settings", {})
    limit = answer["AccountLimit"]
    total, shared = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    if stack.number("ReservedConcurrency"):
        return [ok(f"{stack.number('ReservedConcurrency')} are reserved for each function, of {total} in the account")]
    wanted = len(CONSUMERS) * stack.number("MaximumConcurrency", 10)
    if wanted > shared:
        command = stack.commands.aws(
            "service-quotas",
            "request-service-quota-increase",
            "--service-code",
            "lambda",
            "--quota-code",
            "L-B99A9384",
            "--desired-value",
            "1000",
        )
        seen = (
            f"the mappings may run {wanted} batches at once, but the account's functions share {shared} of {total} "
            "concurrent executions"
        )
        return [warn(seen, command=command, advice="or deploy with a lower MaximumConcurrency")]
    return [ok(f"the mappings may run {wanted} batches at once; the account's functions share {shared}")]
