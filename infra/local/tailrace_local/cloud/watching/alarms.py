"""The emulator's alarms as the evaluator sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tailrace_local.cloud.watching.ministack import WatchedMiniStack, evaluable
from tailrace_local.cloudwatch import Alarm, State, Transition

Scale = Callable[[str, str, float | None, float], object]
"""Policy's ARN, alarm's name, the watched value if it is known, the threshold."""


class MiniStackAlarms:
    """Alarms in MiniStack, their topics told by it, their scaling policies by us."""

    def __init__(self, ministack: WatchedMiniStack, scale: Scale) -> None:
        self._ministack = ministack
        self._scale = scale
        self._values: dict[str, float] = {}

    def alarms(self) -> Iterator[tuple[Alarm, State]]:
        """Every metric alarm that is evaluated, and its state."""
        yield from filter(None, map(evaluable, self._ministack.alarms()))

    def move(self, alarm: Alarm, transition: Transition, repeats: bool) -> None:  # noqa: FBT001 - the port's
        """Change its state, or only scale again while it lasts."""
        if transition.value is not None:
            self._values[alarm.name] = transition.value
        if not repeats:
            self._ministack.move(alarm.name, transition.after, transition.reason)
            return
        for described in self._ministack.alarms():
            if described["AlarmName"] == alarm.name and described.get("ActionsEnabled", True):
                self.dispatch(described, transition.after)

    def dispatch(self, alarm: dict[str, Any], state: str) -> None:
        """Tell the scaling policies among the actions for the state."""
        actions = {State.ALARM: "AlarmActions", State.OK: "OKActions"}.get(State(state), "InsufficientDataActions")
        for action in alarm.get(actions) or ():
            if ":scalingPolicy:" in action:
                name = str(alarm["AlarmName"])
                self._scale(action, name, self._values.get(name), float(alarm.get("Threshold") or 0.0))
