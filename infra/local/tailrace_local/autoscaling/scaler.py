"""Carries out what a policy asks for when its alarm tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tailrace_local.autoscaling.capacity import stepped, tracked
from tailrace_local.autoscaling.ports import Capacity, ScalingError
from tailrace_local.autoscaling.records import Activity, Policy, Records, Target

DEFAULT_COOLDOWN_S = 300.0
"""Of SageMaker's variants, where a policy names none."""


class Scaler:
    """Changes capacities. ``speed`` says how many seconds of a cooldown pass in one."""

    def __init__(
        self,
        records: Records,
        capacity: Capacity,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        speed: float = 1.0,
    ) -> None:
        self._records = records
        self._capacity = capacity
        self._now = now
        self._new_id = new_id
        self._speed = speed
        self._lock = threading.Lock()

    def alarmed(self, policy_arn: str, alarm: str, value: float | None, threshold: float) -> Activity | None:
        """An alarm of the policy is in ALARM with that value; what was done, or None when nothing was to be done."""
        with self._lock:
            policy = self._records.policies.get(policy_arn)
            target = None if policy is None else self._records.targets.get(policy.target)
            if policy is None or target is None or value is None:
                return None
            return self._act(policy, target, alarm, value, value - threshold)

    def hold(self, target: Target) -> Activity | None:
        """Bring the capacity within the target's bounds, as registering a target does."""
        with self._lock:
            current = self._capacity.read(*target.variant)
            cause = f"minimum capacity is {target.minimum}, maximum capacity is {target.maximum}"
            return self._change(target, "", current, target.bounded(current), cause)

    def _act(self, policy: Policy, target: Target, alarm: str, value: float, beyond: float) -> Activity | None:
        current = self._capacity.read(*target.variant)
        wanted = target.bounded(self._wanted(policy, alarm, current, value, beyond))
        if wanted > current:
            if target.suspended.get("DynamicScalingOutSuspended"):
                return None
            wanted = self._after_cooldown_out(policy, target, alarm, value, beyond, current, wanted)
        elif target.suspended.get("DynamicScalingInSuspended") or self._cooling(policy, target, "ScaleInCooldown"):
            return None
        cause = f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"
        return self._change(target, policy.name, current, wanted, cause)

    def _wanted(self, policy: Policy, alarm: str, current: int, value: float, beyond: float) -> int:
        if policy.kind == "StepScaling":
            return stepped(policy.configuration, current, beyond)
        wanted = tracked(float(policy.configuration["TargetValue"]), current, value)
        if alarm == policy.alarms.get("high"):
            return max(wanted, current)
        return current if policy.configuration.get("DisableScaleIn") else min(wanted, current)

    def _after_cooldown_out(
        self, policy: Policy, target: Target, alarm: str, value: float, beyond: float, current: int, wanted: int
    ) -> int:
        """During a cooldown what the last change added counts towards what is wanted now."""
        last = self._cooling(policy, target, "ScaleOutCooldown")
        if last is None or not last.out:
            return wanted
        again = target.bounded(self._wanted(policy, alarm, last.before, value, beyond))
        return max(current, again)

    def _cooling(self, policy: Policy, target: Target, name: str) -> Activity | None:
        """The change whose cooldown is not over yet."""
        configuration = policy.configuration
        cooldown = configuration.get("Cooldown" if policy.kind == "StepScaling" else name)
        cooldown_s = DEFAULT_COOLDOWN_S if cooldown is None else float(cooldown)
        out = self._records.last(target.key, out=True)
        changes = [out] if name == "ScaleOutCooldown" else [out, self._records.last(target.key, out=False)]
        latest = max((each for each in changes if each), key=lambda each: each.at_s, default=None)
        if latest is None or self._now() - latest.at_s >= cooldown_s / self._speed:
            return None
        return latest

    def _change(self, target: Target, policy: str, before: int, after: int, cause: str) -> Activity | None:
        if after == before:
            return None
        status, message = (
            "Successful",
            f"Successfully set desired instance count to {after}. Change successfully fulfilled.",
        )
        try:
            self._capacity.change(*target.variant, after)
        except ScalingError as error:
            status, message = "Failed", f"Failed to set desired instance count to {after}. Reason: {error}"
        done = Activity(self._new_id(), target.key, policy, before, after, cause, self._now(), status, message)
        self._records.activities.append(done)
        return done
