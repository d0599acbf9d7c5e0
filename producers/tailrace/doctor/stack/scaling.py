"""The scaling of the endpoint: target, policies, suspension, the last activity."""

from __future__ import annotations

import json
from typing import Any

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, problems_or, warn
from tailrace_core.aws.calls import Call, Steps

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICIES = ("FollowBacklog", "LeaveZero")
_CALLED_POLICIES = ("SageMakerEndpointInvocationScalingPolicy",)
"""The policies of an endpoint that is called: nothing queues at it."""
_SERVICE = "application-autoscaling"


def scaling(stack: Deployment) -> Steps[list[Finding]]:
    """Require what makes the endpoint scale, where the stack says that it does."""
    maximum = stack.number("MaxInstanceCount")
    if stack.kind in {"none", "serverless"}:
        return [ok("the stack has no instances to scale")]
    if not maximum:
        return [ok("the endpoint does not scale (MaxInstanceCount is 0)")]
    resource = f"endpoint/{stack.endpoint}/variant/{stack.variant}"
    answer = yield Call(
        _SERVICE, "describe_scalable_targets", {"ServiceNamespace": "sagemaker", "ResourceIds": [resource]}
    )
    targets = answer["ScalableTargets"]
    if not targets:
        again = "deploy with MaxInstanceCount=0, then with its value again"
        return [fail(f"{resource} is not registered to scale", command=_register(stack, resource), advice=again)]
    found = _judged(stack, resource, targets[0])
    found += yield from _policies(resource, _CALLED_POLICIES if stack.is_called else _POLICIES)
    found += yield from _last_activity(stack, resource)
    bounds = f"{targets[0]['MinCapacity']} to {targets[0]['MaxCapacity']} instances"
    return problems_or(found, f"the endpoint scales, {bounds}")


def _judged(stack: Deployment, resource: str, target: dict[str, Any]) -> list[Finding]:
    suspended = [name for name, on in (target.get("SuspendedState") or {}).items() if on]
    if suspended:
        resumed = json.dumps(dict.fromkeys(suspended, False))
        seen = f"scaling is suspended ({', '.join(suspended)})"
        return [fail(seen, command=_register(stack, resource, "--suspended-state", resumed))]
    if target["MaxCapacity"] < stack.number("MaxInstanceCount"):
        seen = f"the endpoint scales to {target['MaxCapacity']} instances, not to {stack.number('MaxInstanceCount')}"
        return [warn(seen, command=_register(stack, resource))]
    return []


def _register(stack: Deployment, resource: str, *more: str) -> str:
    bounds = () if more else _bounds(stack)
    names = ("--service-namespace", "sagemaker", "--resource-id", resource, "--scalable-dimension", _DIMENSION)
    return stack.commands.aws(_SERVICE, "register-scalable-target", *names, *bounds, *more)


def _bounds(stack: Deployment) -> tuple[str, ...]:
    minimum, maximum = stack.number("MinInstanceCount"), stack.number("MaxInstanceCount")
    return ("--min-capacity", str(minimum), "--max-capacity", str(maximum))


def _policies(resource: str, wanted: tuple[str, ...]) -> Steps[list[Finding]]:
    answer = yield Call(
        _SERVICE, "describe_scaling_policies", {"ServiceNamespace": "sagemaker", "ResourceId": resource}
    )
    has = {policy["PolicyName"] for policy in answer["ScalingPolicies"]}
    missing = [name for name in wanted if name not in has]
    if not missing:
        return []
    advice = "deploy with MaxInstanceCount=0, then with its value again: CloudFormation makes the policies anew"
    return [fail(f"the scaling policy {' and '.join(missing)} is gone", advice=advice)]


def _last_activity(stack: Deployment, resource: str) -> Steps[list[Finding]]:
    request = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "MaxResults": 1}
    answer = yield Call(_SERVICE, "describe_scaling_activities", request)
    for activity in answer["ScalingActivities"][:1]:
        if activity["StatusCode"] in {"Failed", "Unfulfilled"}:
            command = stack.commands.aws(
                _SERVICE, "describe-scaling-activities", "--service-namespace", "sagemaker", "--resource-id", resource
            )
            reason = activity.get("StatusMessage", "no reason given")
            seen = f"the last scaling activity is {activity['StatusCode']}: {reason}"
            return [warn(seen, command=command, advice="request a quota, or choose another InstanceType")]
    return []
