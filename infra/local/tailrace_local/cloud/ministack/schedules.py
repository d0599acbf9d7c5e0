"""Patches of EventBridge Scheduler: the interval of its checks, and the invocation of targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

Fire = Callable[[dict[str, Any], str], None]
"""Invokes a schedule's target; gets MiniStack's record of the schedule, and the payload."""

_CHECK_INTERVAL = Patch(
    "ministack.services.scheduler",
    "_SCHEDULE_TICK_INTERVAL: int",
    corrects="MiniStack checks every 10 s whether a schedule is due, and the interval cannot be configured.",
    why="A function that runs every minute would be up to 10 s late, and tests would wait for it.",
    until="MiniStack fires schedules when they are due, or has a setting for the interval.",
)
_SCHEDULES = PrivateModule(
    "ministack.services.scheduler",
    "_schedules: AccountRegionScopedDict",
    "_schedule_last_fired: dict",
)
_RATES = PrivateModule("ministack.services.eventbridge", "_parse_rate_seconds(expr)")
_TICK = Patch(
    "ministack.services.scheduler",
    "_tick_schedules()",
    corrects="MiniStack fires a rate() schedule one interval after its creation.",
    why="AWS fires it at once when it has no StartDate: what a stack's first run does is done later here.",
    until="MiniStack fires rate() schedules at once.",
)
_INVOKE_TARGET = Patch(
    "ministack.services.eventbridge",
    "_invoke_target(target, event, rule, view)",
    corrects="MiniStack invokes a schedule's target without the schedule's role, and sends no dead letter.",
    why="A schedule whose role lacks a permission would work here and fail on AWS.",
    until="MiniStack invokes targets with the schedule's role, and sends failures to its dead-letter queue.",
)


def check_schedules_every(seconds: float) -> None:
    """Set the interval, in seconds. Call it before the server starts."""
    _CHECK_INTERVAL.replace(seconds)


def fire_rates_at_once() -> None:
    """Fire a new rate() schedule at the next check, or at its start date."""
    scheduler, rates = _SCHEDULES.load(), _RATES.load()

    def tick(original: Callable[[], None]) -> None:
        for key, schedule in scheduler._schedules.all_items():
            if rates._parse_rate_seconds(schedule.get("ScheduleExpression", "")) is not None:
                scheduler._schedule_last_fired.setdefault(key, 0.0)
        original()

    _TICK.wrap(tick)


def fire_schedules_with(fire: Fire) -> None:
    """Have `fire` invoke the targets of schedules that have a role.

    Other targets stay MiniStack's.
    """

    def invoke(
        original: Callable[..., Any], target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *more: Any
    ) -> None:
        if target.get("RoleArn") and "ScheduleExpression" in rule and "Target" in rule:
            fire(rule, str(target.get("Input") or json.dumps(event)))
        else:
            original(target, event, rule, *more)

    _INVOKE_TARGET.wrap(invoke)
