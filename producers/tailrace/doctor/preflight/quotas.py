"""Quotas of the account: instances of the type, and concurrent executions of functions."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace.doctor.preflight.plan import Plan
from tailrace_core.aws.calls import Call, Steps

_MAX_PAGES = 60
"""SageMaker has some thousand quotas, a hundred a page."""
_SERVICE = "service-quotas"
_LAMBDA_QUOTA = "L-B99A9384"
RESERVING = 4
"""Functions of the template that handle messages; each reserves ReservedConcurrency."""
CONSUMERS = 3
"""Functions that a queue is mapped to."""
UNRESERVABLE = 100
"""Concurrent executions that Lambda keeps for functions without a reservation."""


def instances(plan: Plan) -> Steps[list[Finding]]:
    """Compare the quota of the instance type with the instances that the endpoint may have."""
    name = f"{plan.instance_type} for endpoint usage"
    quota = (yield from _quota("list_service_quotas", name)) or (
        yield from _quota("list_aws_default_service_quotas", name)
    )
    if quota is None:
        command = plan.commands.aws(_SERVICE, "list-service-quotas", "--service-code", "sagemaker")
        seen = f"there is no quota {name!r} in {plan.region}: the type may not exist there"
        return [cannot_tell(seen, command=command, advice="choose another --instance-type, or look it up")]
    value, needed = int(quota["Value"]), plan.most_instances
    seen = f"the quota of {plan.instance_type} for endpoints is {value}"
    if value < needed:
        return [fail(f"{seen}, and {needed} are needed", command=_increase(plan, quota, 2 * needed))]
    if value < 2 * needed:
        text = f"{seen}: enough for {needed}, not for an update, which starts new instances beside the old ones"
        return [warn(text, command=_increase(plan, quota, 2 * needed))]
    return [ok(f"{seen}; the account's other endpoints count too")]


def _increase(plan: Plan, quota: dict[str, Any], wanted: int) -> str:
    return plan.commands.aws(
        _SERVICE,
        "request-service-quota-increase",
        "--service-code",
        quota["ServiceCode"],
        "--quota-code",
        quota["QuotaCode"],
        "--desired-value",
        str(wanted),
    )


def _quota(operation: str, name: str) -> Steps[dict[str, Any] | None]:
    params: dict[str, Any] = {"ServiceCode": "sagemaker", "MaxResults": 100}
    for _ in range(_MAX_PAGES):
        answer = yield Call(_SERVICE, operation, params)
        for quota in answer["Quotas"]:
            if quota["QuotaName"] == name:
                found: dict[str, Any] = quota
                return found
        if not answer.get("NextToken"):
            return None
        params = {**params, "NextToken": answer["NextToken"]}
    return None


def concurrency(plan: Plan) -> Steps[list[Finding]]:
    """Compare Lambda's limit of the account with what the functions reserve, or may use at once."""
    answer = yield Call("lambda", "get_account_settings", {})
    total = answer["AccountLimit"]["ConcurrentExecutions"]
    shared = answer["AccountLimit"]["UnreservedConcurrentExecutions"]
    quota = {"ServiceCode": "lambda", "QuotaCode": _LAMBDA_QUOTA}
    seen = f"the account has {total} concurrent executions, {shared} of them not reserved"
    if plan.reserved_concurrency:
        needed = RESERVING * plan.reserved_concurrency
        arithmetic = f"{RESERVING} functions reserve {plan.reserved_concurrency} each, and {UNRESERVABLE} must be left"
        if plan.reserved_concurrency < plan.maximum_concurrency:
            text = f"ReservedConcurrency {plan.reserved_concurrency} is below MaximumConcurrency"
            return [fail(f"{text} {plan.maximum_concurrency}", advice="raise the former, or lower the latter")]
        if needed + UNRESERVABLE > shared:
            wanted = max(1000, total - shared + needed + UNRESERVABLE)
            advice = "or deploy with ReservedConcurrency=0"
            return [fail(f"{seen}; {arithmetic}", command=_increase(plan, quota, wanted), advice=advice)]
        return [ok(f"{seen}; {arithmetic}")]
    wanted = CONSUMERS * plan.maximum_concurrency
    if wanted > shared:
        text = f"{seen}, and the queues' mappings may use {wanted} at once"
        return [warn(text, command=_increase(plan, quota, 1000), advice="or deploy with a lower MaximumConcurrency")]
    return [ok(seen)]
