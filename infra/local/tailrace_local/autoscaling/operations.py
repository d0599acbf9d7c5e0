"""The service's operations, on validated requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tailrace_local.autoscaling.descriptions import activity, policy_shown, target_shown
from tailrace_local.autoscaling.ports import AlarmClient, ScalingError
from tailrace_local.autoscaling.records import KEY, Policy, Records, Target, TargetKey
from tailrace_local.autoscaling.scaler import Scaler
from tailrace_local.autoscaling.tracking import alarms_of
from tailrace_local.emulation.errors import ApiError, validation

Request = Mapping[str, Any]
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_CONFIGURATIONS = {
    "StepScaling": "StepScalingPolicyConfiguration",
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
}


class Operations:
    """Registers targets and policies. All of them may be called from any thread."""

    def __init__(
        self,
        records: Records,
        scaler: Scaler,
        alarms: AlarmClient,
        *,
        arn: str,
        now: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._scaler = scaler
        self._alarms = alarms
        self._arn = arn
        self._now = now
        self._new_id = new_id

    def table(self) -> dict[str, Callable[[Request], dict[str, Any]]]:
        """Each operation by its name."""
        return {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._policies,
            "DescribeScalingActivities": self._activities,
            "PutScheduledAction": self._put_scheduled,
            "DeleteScheduledAction": self._delete_scheduled,
            "DescribeScheduledActions": self._scheduled,
        }

    def _register(self, request: Request) -> dict[str, Any]:
        key = _key(request)
        if key[0] != "sagemaker" or key[2] != _DIMENSION or len(key[1].split("/")) != 4:  # noqa: PLR2004 - its parts
            raise validation(
                f"Only variants of SageMaker endpoints ({_DIMENSION}) are emulated, not {key[1]} ({key[2]})."
            )
        target = self._records.targets.get(key) or self._new_target(key)
        minimum = int(request.get("MinCapacity", target.minimum))
        maximum = int(request.get("MaxCapacity", target.maximum))
        if minimum > maximum:
            raise validation(f"MinCapacity {minimum} is greater than MaxCapacity {maximum}.")
        target.minimum, target.maximum = minimum, maximum
        target.suspended |= request.get("SuspendedState") or {}
        self._held(target)
        self._records.targets[key] = target
        return {"ScalableTargetARN": target.arn}

    def _new_target(self, key: TargetKey) -> Target:
        return Target(key, f"{self._arn}:scalable-target/{self._new_id()}", 0, 0, "", self._now(), {})

    def _held(self, target: Target) -> None:
        try:
            self._scaler.hold(target)
        except ScalingError as error:
            raise validation(str(error)) from error

    def _deregister(self, request: Request) -> dict[str, Any]:
        key = self._known(request).key
        for policy in self._records.policies_of(key):
            self._forget(policy)
        for scheduled in [found for found in self._records.scheduled if found[0] == key]:
            del self._records.scheduled[scheduled]
        del self._records.targets[key]
        return {}

    def _targets(self, request: Request) -> dict[str, Any]:
        asked = set(request.get("ResourceIds") or ())
        found = [each for each in self._records.targets.values() if not asked or each.key[1] in asked]
        return {"ScalableTargets": [target_shown(each) for each in found]}

    def _put_policy(self, request: Request) -> dict[str, Any]:
        target = self._known(request)
        name, kind = request["PolicyName"], request.get("PolicyType", "StepScaling")
        configuration = request.get(_CONFIGURATIONS.get(kind, ""))
        if not configuration:
            raise validation(
                f"A policy of type {kind} needs its configuration; emulated are {', '.join(_CONFIGURATIONS)}."
            )
        before = self._find(target.key, name)
        arn = before.arn if before else self._policy_arn(target, name)
        policy = Policy(name, arn, target.key, kind, configuration, self._now())
        if kind == "TargetTrackingScaling":
            self._track(policy)
        if before:
            self._alarms.delete(list(before.alarms.values()))
        self._records.policies[arn] = policy
        return {"PolicyARN": arn, "Alarms": policy_shown(policy, self._arn)["Alarms"]}

    def _track(self, policy: Policy) -> None:
        try:
            alarms = alarms_of(policy, self._new_id())
        except ScalingError as error:
            raise validation(str(error)) from error
        for which, alarm in alarms.items():
            self._alarms.put(alarm)
            policy.alarms[which] = alarm["AlarmName"]

    def _policy_arn(self, target: Target, name: str) -> str:
        region_and_account = ":".join(self._arn.split(":")[3:5])
        return (
            f"arn:aws:autoscaling:{region_and_account}:scalingPolicy:{self._new_id()}:resource/sagemaker/"
            f"{target.key[1]}:policyName/{name}"
        )

    def _delete_policy(self, request: Request) -> dict[str, Any]:
        policy = self._find(_key(request), request["PolicyName"])
        if policy is None:
            raise _missing(f"No scaling policy found for {request['PolicyName']} of {request['ResourceId']}")
        self._forget(policy)
        return {}

    def _policies(self, request: Request) -> dict[str, Any]:
        found = [each for each in self._records.policies.values() if _of(each.target, request)]
        names = request.get("PolicyNames")
        shown = [policy_shown(each, self._arn) for each in found if not names or each.name in names]
        return {"ScalingPolicies": shown}

    def _activities(self, request: Request) -> dict[str, Any]:
        found = [each for each in reversed(self._records.activities) if _of(each.target, request)]
        return {"ScalingActivities": [activity(each) for each in found]}

    def _put_scheduled(self, request: Request) -> dict[str, Any]:
        target = self._known(request)
        kept = {name: request[name] for name in request if name not in KEY}
        arn = f"{self._arn}:scheduledAction:{self._new_id()}:resource/sagemaker/{target.key[1]}"
        shown = {
            **kept,
            **dict(zip(KEY, target.key, strict=True)),
            "ScheduledActionARN": arn,
            "CreationTime": self._now(),
        }
        self._records.scheduled[target.key, request["ScheduledActionName"]] = shown
        return {}

    def _delete_scheduled(self, request: Request) -> dict[str, Any]:
        if self._records.scheduled.pop((_key(request), request["ScheduledActionName"]), None) is None:
            raise _missing(f"No scheduled action found for {request['ScheduledActionName']}")
        return {}

    def _scheduled(self, request: Request) -> dict[str, Any]:
        found: Iterable[dict[str, Any]] = self._records.scheduled.values()
        return {"ScheduledActions": [each for each in found if _of(tuple(each[name] for name in KEY), request)]}

    def _known(self, request: Request) -> Target:
        target = self._records.targets.get(_key(request))
        if target is None:
            raise _missing(f"No scalable target registered for {' '.join(_key(request))}")
        return target

    def _find(self, key: TargetKey, name: str) -> Policy | None:
        return next((each for each in self._records.policies_of(key) if each.name == name), None)

    def _forget(self, policy: Policy) -> None:
        self._alarms.delete(list(policy.alarms.values()))
        self._records.policies.pop(policy.arn, None)


def _key(request: Request) -> TargetKey:
    return tuple(str(request[name]) for name in KEY)  # type: ignore[return-value]  # KEY has three


def _of(key: tuple[str, ...], request: Request) -> bool:
    return all(request.get(name) in {None, value} for name, value in zip(KEY, key, strict=True))


def _missing(message: str) -> ApiError:
    return ApiError("ObjectNotFoundException", message)
