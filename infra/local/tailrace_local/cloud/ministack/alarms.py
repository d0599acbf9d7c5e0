"""MiniStack's alarms, which it keeps and describes, and evaluates and tells no more."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from tailrace_local.cloud.ministack.patching import replace
from tailrace_local.cloudwatch import Alarm, AlarmError, State, Transition
from tailrace_local.cloudwatch.notifications import format_time
from tailrace_local.cloudwatch.validation import validate_alarm

Described = dict[str, Any]
Dispatch = Callable[[Described, str, str, str], None]
"""What follows a change of state: the alarm as described, the state before, the state now, and why."""
_CREATED = "Unchecked: Initial alarm creation"


class PublicationError(Exception):
    """A topic that does not take an alarm's message; the message says why."""


class MiniStackAlarms:
    """The alarms of the account and region that the thread speaks for."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._cloudwatch = importlib.import_module("ministack.services.cloudwatch")
        self._sns = importlib.import_module("ministack.services.sns")
        self._provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")

    def leave_evaluation_to(self, dispatch: Dispatch) -> None:
        """Take MiniStack's own evaluation and messages out, and hear of every change of an alarm's state."""
        replace(self._cloudwatch, "_dispatch_alarm_actions", dispatch)
        replace(self._cloudwatch, "_evaluate_alarm", lambda _alarm: None)
        replace(self._cloudwatch, "_evaluate_all_alarms", lambda: None)
        self._tell_creations_apart()

    def take_metric_math(self) -> None:
        """Have CloudFormation take alarms on metric math, which it refuses; and none that would never be evaluated."""
        stock = self._provisioners._cw_metric_alarm_record  # noqa: SLF001 - no public way in

        def record(name: str, properties: Described) -> Described:
            validate_alarm({**properties, "AlarmName": name})
            if not properties.get("Metrics"):
                return dict(stock(name, properties))
            alarm = stock(name, {**properties, "Metrics": None, "MetricName": "-", "Namespace": "-"})
            return with_metrics(alarm, properties["Metrics"])

        replace(self._provisioners, "_cw_metric_alarm_record", record)

    def described(self) -> list[Described]:
        """Every metric alarm."""
        return list(self._cloudwatch._alarms.values())  # noqa: SLF001 - no public way in

    def composites(self) -> list[Described]:
        """Every composite alarm."""
        return list(self._cloudwatch._composite_alarms.values())  # noqa: SLF001 - no public way in

    def named(self, names: Iterable[str]) -> list[Described]:
        """The alarms of these names, of both kinds, in the order given."""
        found = {each["AlarmName"]: each for each in (*self.described(), *self.composites())}
        return [found[name] for name in names if name in found]

    def evaluable(self) -> Iterable[tuple[Alarm, State]]:
        """Every metric alarm that can be evaluated, and its state."""
        for each in self.described():
            try:
                yield Alarm.of(each), State(each["StateValue"])
            except (AlarmError, KeyError, ValueError):
                continue  # refused when it was put; one that came another way is only kept

    def move(self, transition: Transition) -> None:
        """Change an alarm's state, with its history, its actions and the composite alarms above it."""
        alarm = self._cloudwatch._alarms.get(transition.alarm)  # noqa: SLF001 - no public way in
        if alarm is None:
            return
        now = int(time.time())
        before, after = str(alarm["StateValue"]), str(transition.after)
        alarm |= {
            "StateValue": after,
            "StateReason": transition.reason,
            "StateReasonData": transition.reason_data,
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        data = json.loads(transition.reason_data)
        self._cloudwatch._record_history(  # noqa: SLF001 - no public way in
            transition.alarm, before, after, transition.reason, "MetricAlarm", data
        )
        self._cloudwatch._dispatch_alarm_actions(alarm, before, after, transition.reason)  # noqa: SLF001 - as above
        self._cloudwatch._evaluate_parent_alarms(alarm)  # noqa: SLF001 - as above

    def publish(self, topic_arn: str, alarm_arn: str, subject: str, message: str) -> None:
        """Publish as cloudwatch.amazonaws.com, which the topic's policy has to allow where policies are enforced.

        Raises:
            PublicationError: it does not, or there is no such topic.
        """
        allowed = self._sns.topic_policy_allows(topic_arn, "cloudwatch.amazonaws.com", alarm_arn, self._account_id)
        if not allowed:
            raise PublicationError("CloudWatch Alarms is not authorized to perform: SNS:Publish on the resource")
        if self._sns.publish_internal(topic_arn, message, subject) is None:
            raise PublicationError("Topic does not exist")

    def acted(self, alarm: Described, action: str, error: str | None) -> None:
        """Record in the alarm's history that an action was carried out, or why it was not."""
        done = {"actionState": "Failed" if error else "Succeeded", "notificationResource": action, "error": error}
        said = f"Failed to execute action {action}. Received error: {error}" if error else f"executed action {action}"
        self._cloudwatch._history_entries().append(  # noqa: SLF001 - no public way in
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": format_time(time.time()),
                "HistoryItemType": "Action",
                "HistorySummary": said if error else f"Successfully {said}",
                "HistoryData": json.dumps({name: value for name, value in done.items() if value is not None}),
            }
        )

    def _tell_creations_apart(self) -> None:
        """MiniStack records the creation of an alarm as a change of its state; CloudWatch as one of configuration."""
        stock = self._cloudwatch._record_history  # noqa: SLF001 - no public way in

        def record(name: str, before: str, after: str, reason: str, *rest: Any, **named: Any) -> None:
            stock(name, before, after, reason, *rest, **named)
            if reason == _CREATED:
                (*_, entry) = self._cloudwatch._history_entries()  # noqa: SLF001 - as above
                entry |= {"HistoryItemType": "ConfigurationUpdate", "HistorySummary": f'Alarm "{name}" created'}

        replace(self._cloudwatch, "_record_history", record)


def with_metrics(alarm: Described, metrics: list[Described]) -> Described:
    """The alarm described as one on metric math."""
    nothing = dict.fromkeys(("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit"))
    return {**alarm, **nothing, "Dimensions": [], "Metrics": metrics}
