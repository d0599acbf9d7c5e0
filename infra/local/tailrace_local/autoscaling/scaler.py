"""Changes capacities when a policy's alarm is in ALARM, and when a target's bounds change."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tailrace_local.autoscaling.capacity import step_scaling_capacity, target_tracking_capacity
from tailrace_local.autoscaling.ports import Capacity, ScalingError
from tailrace_local.autoscaling.records import Activity, Policy, Records, Status, Target
from tailrace_local.emulator_base.pace import Pace

DEFAULT_COOLDOWN_S = 300.0
"""The cooldown of a SageMaker variant's policy that names none."""


class Scaler:
    """Changes capacities; cooldowns pass at the given pace."""

    def __init__(
        self,
        records: Records,
        capacity: Capacity,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        pace: Pace | None = None,
    ) -> None:
        self._records = records
        self._capacity = capacity
        self._now = now
        self._new_id = new_id
        self._pace = pace or Pace()
        self._lock = threading.Lock()

    def handle_alarm(self, policy_arn: str, alarm: str, value: float | None, threshold: float) -> Activity | None:
        """Handle an alarm of a policy that is in ALARM with this value.

        Returns the activity, or None without a change.

        Raises:
            ScalingError: the capacity cannot be read.
        """
        with self._lock:
            policy = self._records.policies.get(policy_arn)
            target = None if policy is None else self._records.targets.get(policy.target)
            if policy is None or target is None or value is None or self._in_progress(target):
                return None
            return self._act(policy, target, alarm, value, value - threshold)

    def enforce_bounds(self, target: Target) -> Activity | None:
        """Change the capacity to within the target's bounds.

        Raises ScalingError when it cannot be read.
        """
        with self._lock:
            current = self._capacity.read(*target.variant)
            wanted = target.bounded(current)
            bound = f"minimum capacity was set to {target.minimum}"
            if wanted < current:
                bound = f"maximum capacity was set to {target.maximum}"
            return self._change(target, current, wanted, bound)

    def update_activities(self) -> None:
        """Complete the activities whose change is in service, or has failed."""
        with self._lock:
            for activity in self._records.activities:
                if activity.status is Status.IN_PROGRESS:
                    self._update_activity(activity)

    def _update_activity(self, activity: Activity) -> None:
        target = self._records.targets.get(activity.target)
        try:
            done = target is None or self._capacity.settled(*target.variant)
        except ScalingError as error:
            self._end(activity, Status.FAILED, f"Reason: {error}")
            return
        if done:
            self._end(activity, Status.SUCCESSFUL, "Change successfully fulfilled by sagemaker.")

    def _end(self, activity: Activity, status: Status, message: str) -> None:
        activity.status, activity.end_s = status, self._now()
        activity.message = f"Successfully set {activity.noun} to {activity.after}. {message}"

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
        return self._change(target, current, wanted, cause)

    def _wanted(self, policy: Policy, alarm: str, current: int, value: float, beyond: float) -> int:
        if policy.kind == "StepScaling":
            return step_scaling_capacity(policy.configuration, current, beyond)
        wanted = target_tracking_capacity(float(policy.configuration["TargetValue"]), current, value)
        if alarm == policy.alarms.get("high"):
            return max(wanted, current)
        return current if policy.configuration.get("DisableScaleIn") else min(wanted, current)

    def _after_cooldown_out(
        self, policy: Policy, target: Target, alarm: str, value: float, beyond: float, current: int, wanted: int
    ) -> int:
        """Return the capacity during a cooldown; the last change's addition counts towards it."""
        last = self._cooling(policy, target, "ScaleOutCooldown")
        if last is None or not last.out:
            return wanted
        again = target.bounded(self._wanted(policy, alarm, last.before, value, beyond))
        return max(current, again)

    def _cooling(self, policy: Policy, target: Target, name: str) -> Activity | None:
        """Return the change whose cooldown still runs."""
        configuration = policy.configuration
        cooldown = configuration.get("Cooldown" if policy.kind == "StepScaling" else name)
        cooldown_s = DEFAULT_COOLDOWN_S if cooldown is None else float(cooldown)
        out = self._records.last(target.key, out=True)
        changes = [out] if name == "ScaleOutCooldown" else [out, self._records.last(target.key, out=False)]
        latest = max((each for each in changes if each), key=lambda each: each.at_s, default=None)
        if latest is None or self._now() - latest.at_s >= self._pace.seconds(cooldown_s):
            return None
        return latest

    def _in_progress(self, target: Target) -> bool:
        """Return whether a change of the target is in progress; the next change waits for it."""
        return any(
            activity.status is Status.IN_PROGRESS and activity.target == target.key
            for activity in self._records.activities
        )

    def _change(self, target: Target, before: int, after: int, cause: str) -> Activity | None:
        if after == before:
            return None
        begun = Activity(self._new_id(), target.key, before, after, cause, self._now())
        try:
            self._capacity.change(*target.variant, after)
        except ScalingError as error:
            begun.status, begun.end_s = Status.FAILED, begun.at_s
            begun.message = f"Failed to set {begun.noun} to {after}. Reason: {error}"
        self._records.activities.append(begun)
        return begun
