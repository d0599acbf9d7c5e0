"""Records, as the Describe operations return them."""

from __future__ import annotations

from typing import Any

from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.records import KEY, Activity, Policy, Target, TargetKey

_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def describe_target(target: Target) -> dict[str, Any]:
    """Return an entry of ScalableTargets."""
    return {
        **_identity(target.key),
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": target.role_arn,
        "CreationTime": target.created_s,
        "SuspendedState": {name: bool(target.suspended.get(name)) for name in _SUSPENSIONS},
        "ScalableTargetARN": target.arn,
    }


def describe_policy(policy: Policy, arns: Arns) -> dict[str, Any]:
    """Return an entry of ScalingPolicies."""
    alarms = [{"AlarmName": name, "AlarmARN": arns.alarm(name)} for name in policy.alarms.values()]
    return {
        **_identity(policy.target),
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "PolicyType": policy.kind,
        f"{policy.kind}PolicyConfiguration": dict(policy.configuration),
        "Alarms": alarms,
        "CreationTime": policy.created_s,
    }


def describe_activity(done: Activity) -> dict[str, Any]:
    """Return an entry of ScalingActivities."""
    ended = {} if done.end_s is None else {"EndTime": done.end_s}
    return {
        **_identity(done.target),
        "ActivityId": done.id,
        "Description": f"Setting {done.noun} to {done.after}.",
        "Cause": done.cause,
        "StartTime": done.at_s,
        **ended,
        "StatusCode": str(done.status),
        "StatusMessage": done.message,
    }


def _identity(key: TargetKey) -> dict[str, str]:
    return dict(zip(KEY, key, strict=True))
