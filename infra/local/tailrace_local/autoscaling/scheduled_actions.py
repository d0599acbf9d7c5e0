"""Scheduled actions, which change a target's bounds at certain times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import KEY, Records, ScheduledAction, Target
from tailrace_local.autoscaling.requests import Request, matches_request, not_found, target_key
from tailrace_local.autoscaling.scaler import Scaler
from tailrace_local.autoscaling.schedule import ScheduleError, parse_schedule
from tailrace_local.emulator_base.errors import validation

_log = logging.getLogger("tailrace.autoscaling")


class ScheduledActions:
    """Stores, describes and carries out scheduled actions.

    Schedules follow the clock, not the pace.
    """

    def __init__(
        self, records: Records, scaler: Scaler, arns: Arns, *, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._records = records
        self._scaler = scaler
        self._arns = arns
        self._now = now
        self._new_id = new_id

    def put(self, request: Request) -> dict[str, Any]:
        """PutScheduledAction. Members that an update leaves out stay as they were."""
        target = self._records.targets.get(target_key(request))
        if target is None:
            raise not_found(f"No scalable target registered for {' '.join(target_key(request))}")
        key = target.key, request["ScheduledActionName"]
        before = self._records.scheduled.get(key)
        shown = {**(before.shown if before else self._new(target, request)), **dict(request)}
        if "Schedule" not in shown:
            raise validation("A schedule is needed for a new scheduled action.")
        now = self._now()
        start_s = float(shown.get("StartTime") or now)
        try:
            schedule = parse_schedule(shown["Schedule"], shown.get("Timezone") or "UTC", start_s)
        except ScheduleError as error:
            raise validation(str(error)) from error
        # Times before now are not made up for.
        self._records.scheduled[key] = ScheduledAction(shown, schedule, now)
        return {}

    def delete(self, request: Request) -> dict[str, Any]:
        """DeleteScheduledAction."""
        if self._records.scheduled.pop((target_key(request), request["ScheduledActionName"]), None) is None:
            raise not_found(f"No scheduled action found for {request['ScheduledActionName']}")
        return {}

    def describe(self, request: Request) -> dict[str, Any]:
        """DescribeScheduledActions."""
        names = request.get("ScheduledActionNames")
        found = [
            action.shown
            for (key, name), action in self._records.scheduled.items()
            if matches_request(key, request) and (not names or name in names)
        ]
        return {"ScheduledActions": found}

    def run_due(self, now_s: float) -> None:
        """Carry out the actions that became due since the last call, each once."""
        for (key, name), action in list(self._records.scheduled.items()):
            due = action.schedule.after(action.seen_s)
            if due is None or due > now_s:
                continue
            action.seen_s = now_s
            target = self._records.targets.get(key)
            if target and self._within(action, now_s) and not target.suspended.get("ScheduledScalingSuspended"):
                self._carry_out(name, action, target)

    def _carry_out(self, name: str, action: ScheduledAction, target: Target) -> None:
        bounds = action.shown.get("ScalableTargetAction") or {}
        target.minimum = int(bounds.get("MinCapacity", target.minimum))
        target.maximum = max(int(bounds.get("MaxCapacity", target.maximum)), target.minimum)
        try:
            self._scaler.enforce_bounds(target)
        except ScalingError as error:
            _log.warning("scheduled action %s of %s: %s", name, target.key[1], error)

    @staticmethod
    def _within(action: ScheduledAction, now_s: float) -> bool:
        start, end = action.shown.get("StartTime"), action.shown.get("EndTime")
        return (start is None or now_s >= float(start)) and (end is None or now_s <= float(end))

    def _new(self, target: Target, request: Request) -> dict[str, Any]:
        arn = self._arns.scheduled(self._new_id(), target.key[1], request["ScheduledActionName"])
        return {**dict(zip(KEY, target.key, strict=True)), "ScheduledActionARN": arn, "CreationTime": self._now()}
