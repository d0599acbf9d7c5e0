"""The service's operations, on validated requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.descriptions import describe_activity, describe_policy, describe_target
from tailrace_local.autoscaling.ports import AlarmClient, ScalingError
from tailrace_local.autoscaling.records import DIMENSIONS, Policy, Records, Target, TargetKey
from tailrace_local.autoscaling.requests import Request, matches_request, not_found, target_key
from tailrace_local.autoscaling.scaler import Scaler
from tailrace_local.autoscaling.scheduled_actions import ScheduledActions
from tailrace_local.autoscaling.tracking import tracking_alarms
from tailrace_local.emulator_base.errors import ApiError, validation

_CONFIGURATIONS = {
    "StepScaling": "StepScalingPolicyConfiguration",
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
}


class Operations:
    """Registers and describes targets, policies and scheduled actions.

    Operations may run in any thread.
    """

    def __init__(
        self,
        records: Records,
        scaler: Scaler,
        alarms: AlarmClient,
        scheduled: ScheduledActions,
        *,
        arns: Arns,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._scaler = scaler
        self._alarms = alarms
        self._scheduled = scheduled
        self._arns = arns
        self._now = now
        self._new_id = new_id

    def table(self) -> dict[str, Callable[[Request], dict[str, Any]]]:
        """Return each operation by its name."""
        return {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._policies,
            "DescribeScalingActivities": self._activities,
            "PutScheduledAction": self._scheduled.put,
            "DeleteScheduledAction": self._scheduled.delete,
            "DescribeScheduledActions": self._scheduled.describe,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def _register(self, request: Request) -> dict[str, Any]:
        key = target_key(request)
        if key[0] != "sagemaker" or key[2] not in DIMENSIONS or len(key[1].split("/")) != 4:  # noqa: PLR2004 - endpoint/<name>/variant/<variant>
            raise validation(
                f"Only variants of SageMaker endpoints ({', '.join(DIMENSIONS)}) are emulated, not {key[1]} ({key[2]})."
            )
        target = self._records.targets.get(key) or self._new_target(key, request)
        minimum = int(request.get("MinCapacity", target.minimum))
        maximum = int(request.get("MaxCapacity", target.maximum))
        if minimum > maximum:
            raise validation(f"MinCapacity {minimum} is greater than MaxCapacity {maximum}.")
        self._bound(target, minimum, maximum)
        target.suspended |= request.get("SuspendedState") or {}
        self._records.targets[key] = target
        self._records.tags.setdefault(target.arn, {}).update(request.get("Tags") or {})
        return {"ScalableTargetARN": target.arn}

    def _new_target(self, key: TargetKey, request: Request) -> Target:
        if "MinCapacity" not in request or "MaxCapacity" not in request:
            raise validation("MinCapacity and MaxCapacity are needed to register a new scalable target.")
        return Target(key, self._arns.target(self._new_id()), 0, 0, self._arns.role, self._now(), {})

    def _bound(self, target: Target, minimum: int, maximum: int) -> None:
        before = target.minimum, target.maximum
        target.minimum, target.maximum = minimum, maximum
        try:
            self._scaler.enforce_bounds(target)
        except ScalingError as error:
            target.minimum, target.maximum = before
            raise validation(str(error)) from error

    def _deregister(self, request: Request) -> dict[str, Any]:
        key = self._known(request).key
        for policy in self._records.policies_of(key):
            self._forget(policy)
        for scheduled in [found for found in self._records.scheduled if found[0] == key]:
            del self._records.scheduled[scheduled]
        self._records.tags.pop(self._records.targets.pop(key).arn, None)
        return {}

    def _targets(self, request: Request) -> dict[str, Any]:
        asked = set(request.get("ResourceIds") or ())
        found = [each for each in self._records.targets.values() if not asked or each.key[1] in asked]
        return {"ScalableTargets": [describe_target(each) for each in found]}

    def _put_policy(self, request: Request) -> dict[str, Any]:
        target = self._known(request)
        name, kind = request["PolicyName"], request.get("PolicyType", "StepScaling")
        configuration = request.get(_CONFIGURATIONS.get(kind, ""))
        if not configuration:
            raise validation(
                f"A policy of type {kind} needs its configuration; emulated are {', '.join(_CONFIGURATIONS)}."
            )
        before = self._find(target.key, name)
        arn = before.arn if before else self._arns.policy(self._new_id(), target.key[1], name)
        policy = Policy(name, arn, target.key, kind, configuration, self._now())
        if kind == "TargetTrackingScaling":
            self._track(policy)
        if before:
            self._alarms.delete(list(before.alarms.values()))
        self._records.policies[arn] = policy
        return {"PolicyARN": arn, "Alarms": describe_policy(policy, self._arns)["Alarms"]}

    def _track(self, policy: Policy) -> None:
        try:
            alarms = tracking_alarms(policy, self._new_id())
        except ScalingError as error:
            raise validation(str(error)) from error
        for which, alarm in alarms.items():
            self._alarms.put(alarm)
            policy.alarms[which] = alarm["AlarmName"]

    def _delete_policy(self, request: Request) -> dict[str, Any]:
        policy = self._find(target_key(request), request["PolicyName"])
        if policy is None:
            raise not_found(f"No scaling policy found for {request['PolicyName']} of {request['ResourceId']}")
        self._forget(policy)
        return {}

    def _policies(self, request: Request) -> dict[str, Any]:
        found = [each for each in self._records.policies.values() if matches_request(each.target, request)]
        names = request.get("PolicyNames")
        shown = [describe_policy(each, self._arns) for each in found if not names or each.name in names]
        return {"ScalingPolicies": shown}

    def _activities(self, request: Request) -> dict[str, Any]:
        found = [each for each in reversed(self._records.activities) if matches_request(each.target, request)]
        return {"ScalingActivities": [describe_activity(each) for each in found]}

    def _tag(self, request: Request) -> dict[str, Any]:
        self._tagged(request["ResourceARN"]).update(request["Tags"])
        return {}

    def _untag(self, request: Request) -> dict[str, Any]:
        tags = self._tagged(request["ResourceARN"])
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, request: Request) -> dict[str, Any]:
        return {"Tags": dict(self._tagged(request["ResourceARN"]))}

    def _tagged(self, arn: str) -> dict[str, str]:
        if arn not in {target.arn for target in self._records.targets.values()}:
            raise ApiError("ResourceNotFoundException", f"No scalable target found for {arn}")
        return self._records.tags.setdefault(arn, {})

    def _known(self, request: Request) -> Target:
        target = self._records.targets.get(target_key(request))
        if target is None:
            raise not_found(f"No scalable target registered for {' '.join(target_key(request))}")
        return target

    def _find(self, key: TargetKey, name: str) -> Policy | None:
        return next((each for each in self._records.policies_of(key) if each.name == name), None)

    def _forget(self, policy: Policy) -> None:
        self._alarms.delete(list(policy.alarms.values()))
        self._records.policies.pop(policy.arn, None)
