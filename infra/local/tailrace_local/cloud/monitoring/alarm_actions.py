"""Actions of alarms: messages to topics, and scaling by policies."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tailrace_local.autoscaling import ScalingError
from tailrace_local.cloud.ministack.cloudwatch.alarms import Described, MiniStackAlarms, PublicationError
from tailrace_local.cloudwatch import Alarm, State, Transition
from tailrace_local.cloudwatch.notifications import Change, composite_message, metric_message, subject

_log = logging.getLogger("tailrace.cloud.monitoring")
Scale = Callable[[str, str, float | None, float], object]
"""Scales by a policy.

Gets its ARN, the alarm's name, the metric's value if known, and the threshold.

Raises ScalingError.
"""
_ACTIONS = {State.ALARM: "AlarmActions", State.OK: "OKActions", State.INSUFFICIENT_DATA: "InsufficientDataActions"}


class AlarmActions:
    """The evaluator's store of alarms: keeps them in MiniStack, and carries out their actions."""

    def __init__(
        self, ministack: MiniStackAlarms, scale: Scale, enter: Callable[[], None], *, region: str, account_id: str
    ) -> None:
        self._ministack = ministack
        self._scale = scale
        self._region = region
        self._account_id = account_id
        self._values: dict[str, float] = {}
        # One after the other, and never on the event loop: it answers SetAlarmState, and scaling
        # calls this server.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="alarm-actions", initializer=enter)

    def close(self) -> None:
        """Finish the current action, and drop the rest."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def alarms(self) -> Iterable[tuple[Alarm, State]]:
        """Return every metric alarm that is evaluated, and its state."""
        return self._ministack.evaluable()

    def apply(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001 - the port's
        """Change the alarm's state, or, when it stays in ALARM, scale again."""
        if transition.value is not None:
            self._values[alarm.name] = transition.value
        if not repeats:
            self._ministack.apply(transition)
            return
        for described in self._ministack.named([alarm.name]):
            for action in _actions(described, transition.after):
                if _scales(action):
                    self._worker.submit(self._act, described, action, None)

    def dispatch(self, alarm: Described, before: str, after: str, reason: str) -> None:
        """Queue the actions for the alarm's new state."""
        change = Change(before, after, reason, time.time(), self._region, self._account_id)
        for action in _actions(alarm, after):
            self._worker.submit(self._act, dict(alarm), action, change)

    def _act(self, alarm: Described, action: str, change: Change | None) -> None:
        error = None
        try:
            if _scales(action):
                name = str(alarm["AlarmName"])
                self._scale(action, name, self._values.get(name), float(alarm.get("Threshold") or 0.0))
            elif change and action.split(":")[2:3] == ["sns"]:
                told = subject(alarm, change), self._message(alarm, change)
                self._ministack.publish(action, str(alarm["AlarmArn"]), *told)
            else:
                error = "the local cloud carries out actions of SNS and Application Auto Scaling only"
        except (PublicationError, ScalingError) as refused:
            error = str(refused)
        except Exception as broken:  # noqa: BLE001 - recorded in the alarm's history; further actions follow
            _log.exception("alarm %s: action %s", alarm["AlarmName"], action)
            error = f"{type(broken).__name__}: {broken}"
        if change or error:
            self._ministack.record_action(alarm, action, error)

    def _message(self, alarm: Described, change: Change) -> str:
        if "AlarmRule" not in alarm:
            return metric_message(alarm, change)
        return composite_message(alarm, change, self._ministack.named(_triggering(alarm)))


def _actions(alarm: Described, state: str) -> list[str]:
    return list(alarm.get(_ACTIONS[State(state)]) or ()) if alarm.get("ActionsEnabled", True) else []


def _scales(action: str) -> bool:
    return ":scalingPolicy:" in action


def _triggering(alarm: dict[str, Any]) -> list[str]:
    """Return the names of the alarms that changed a composite alarm, from its StateReasonData."""
    found = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", ())
    return [str(each["arn"]).split(":alarm:", 1)[-1] for each in found]
