"""MiniStack's private names about metrics, alarms and queues' messages, in one place."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloudwatch import Alarm, AlarmError, Point, State

Dispatch = Callable[[dict[str, Any], str], None]
"""What follows a change of state beside the topics: the alarm as described, and the state that it is in now."""


@dataclass(frozen=True)
class QueueDepth:
    """A queue at one moment."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: float


class WatchedMiniStack:
    """The emulator's CloudWatch and SQS for one account and region; threads have to `enter` before they use it."""

    def __init__(self, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id
        self._cloudwatch = importlib.import_module("ministack.services.cloudwatch")
        self._sqs = importlib.import_module("ministack.services.sqs")
        self._lambda = importlib.import_module("ministack.services.lambda_svc")
        self._responses = importlib.import_module("ministack.core.responses")
        self._provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")

    def enter(self) -> None:
        """Have this thread speak for the account and region."""
        self._responses.set_request_account_id(self._account_id)
        self._responses.set_request_region(self._region)

    def leave_evaluation_to(self, dispatch: Dispatch) -> None:
        """Take MiniStack's own evaluation out, and hear of every change of an alarm's state."""
        stock = self._cloudwatch._dispatch_alarm_actions  # noqa: SLF001 - no public way in

        def dispatched(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
            stock(alarm, old, new, reason)
            if alarm.get("ActionsEnabled", True):
                dispatch(alarm, new)

        self._replace(self._cloudwatch, "_dispatch_alarm_actions", dispatched)
        self._replace(self._cloudwatch, "_evaluate_alarm", lambda _alarm: None)
        self._replace(self._cloudwatch, "_evaluate_all_alarms", lambda: None)

    def take_metric_math(self) -> None:
        """Have CloudFormation take alarms on metric math, which it refuses."""
        stock = self._provisioners._cw_metric_alarm_record  # noqa: SLF001 - no public way in

        def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
            if not properties.get("Metrics"):
                return dict(stock(name, properties))
            alarm = stock(name, {**properties, "Metrics": None, "MetricName": "-", "Namespace": "-"})
            nothing = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
            return {**alarm, **nothing, "Metrics": properties["Metrics"]}

        self._replace(self._provisioners, "_cw_metric_alarm_record", record)

    def count_functions_ourselves(self) -> None:
        """Have MiniStack count no invocation but those that it throttles: it misses those that queues cause."""
        stock = self._lambda._emit_lambda_metrics  # noqa: SLF001 - no public way in

        def emit(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: FBT001 - its form
            del duration_ms, error
            if throttle:
                stock(function_name, duration_ms=0.0, error=False, throttle=True)

        self._replace(self._lambda, "_emit_lambda_metrics", emit)

    def put(
        self, namespace: str, name: str, dimensions: dict[str, str], values: Sequence[float], unit: str, at_s: float
    ) -> None:
        """Put values of one metric."""
        counts = [1.0] * len(values)
        self._cloudwatch._store_datum(namespace, name, dimensions, at_s, unit, None, values, counts, None)  # noqa: SLF001

    def points(self, namespace: str, name: str, dimensions: Sequence[tuple[str, str]]) -> Iterator[Point]:
        """What was put for exactly these dimensions."""
        key = namespace, name, self._cloudwatch._dims_key(dict(dimensions))  # noqa: SLF001 - no public way in
        for point in list(self._cloudwatch._metrics.get(key) or ()):  # noqa: SLF001 - as above
            count, total, minimum, maximum = self._cloudwatch._point_stats(point)  # noqa: SLF001 - as above
            yield Point(float(point["Timestamp"]), count, total, minimum, maximum)

    def forget_before(self, at_s: float) -> None:
        """Drop older datapoints."""
        metrics = self._cloudwatch._metrics  # noqa: SLF001 - no public way in
        for key in list(metrics.keys()):
            metrics[key] = [point for point in metrics[key] if point["Timestamp"] >= at_s]

    def alarms(self) -> Iterable[dict[str, Any]]:
        """Every metric alarm as described."""
        return list(self._cloudwatch._alarms.values())  # noqa: SLF001 - no public way in

    def composites(self) -> Iterable[dict[str, Any]]:
        """Every composite alarm as described."""
        return list(self._cloudwatch._composite_alarms.values())  # noqa: SLF001 - no public way in

    def move(self, name: str, after: State, reason: str) -> None:
        """Change an alarm's state, with its history, actions and the composite alarms above it."""
        alarm = self._cloudwatch._alarms.get(name)  # noqa: SLF001 - no public way in
        if alarm is None:
            return
        before = alarm["StateValue"]
        alarm |= {"StateValue": str(after), "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        self._cloudwatch._record_history(name, before, str(after), reason)  # noqa: SLF001 - as above
        self._cloudwatch._dispatch_alarm_actions(alarm, before, str(after), reason)  # noqa: SLF001 - as above
        self._cloudwatch._evaluate_parent_alarms(alarm)  # noqa: SLF001 - as above

    def depths(self, now_s: float) -> Iterator[QueueDepth]:
        """How deep every queue is."""
        for queue in list(self._sqs._queues.values()):  # noqa: SLF001 - no public way in
            messages = list(queue["messages"])
            visible = sum(message["visible_at"] <= now_s for message in messages)
            delayed = sum(message["visible_at"] > now_s and not message["receive_count"] for message in messages)
            oldest = min((message["sent_at"] for message in messages), default=now_s)
            in_flight = len(messages) - visible - delayed
            yield QueueDepth(str(queue["name"]), visible, in_flight, delayed, max(0.0, now_s - oldest))

    @staticmethod
    def _replace(module: Any, name: str, value: Callable[..., Any]) -> None:
        if not callable(getattr(module, name, None)):
            raise TypeError(f"MiniStack should have {module.__name__}.{name}, and it has not")
        setattr(module, name, value)


def evaluable(described: dict[str, Any]) -> tuple[Alarm, State] | None:
    """The alarm and the state that it is in; None for one that is not evaluated here."""
    try:
        return Alarm.of(described), State(described["StateValue"])
    except (AlarmError, KeyError, ValueError):
        return None
