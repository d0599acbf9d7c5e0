"""Patches of CloudWatch's alarms, which MiniStack stores and describes.

`tailrace_local.cloudwatch` evaluates metric alarms, `tailrace_local.cloud.monitoring` carries out
their actions, and MiniStack evaluates composite alarms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloudwatch import Alarm, AlarmError, State, Transition
from tailrace_local.cloudwatch.notifications import format_time
from tailrace_local.cloudwatch.validation import validate_alarm

Described = dict[str, Any]
Dispatch = Callable[[Described, str, str, str], None]
"""Carries out an alarm's actions.

Gets the described alarm, the state before, the state now, and the reason.
"""
_CREATED = "Unchecked: Initial alarm creation"


_SERVICE = "ministack.services.cloudwatch"
_CLOUDWATCH = PrivateModule(
    _SERVICE,
    "_alarms: AccountRegionScopedDict",
    "_composite_alarms: AccountRegionScopedDict",
    "_record_history(alarm_name, old_state, new_state, reason, alarm_type, reason_data)",
    "_history_entries()",
    "_dispatch_alarm_actions(alarm, old_state, new_state, reason)",
    "_evaluate_parent_alarms(child, seen)",
)
_SNS = PrivateModule(
    "ministack.services.sns",
    "topic_policy_allows(topic_arn, service, source_arn, source_account)",
    "publish_internal(topic_arn, message, subject, message_structure, message_attributes, message_group_id, "
    "message_deduplication_id)",
)
_UNTIL_EVALUATED = "MiniStack evaluates alarms by CloudWatch's rules: dimensions, periods, missing data, metric math."
_ACTIONS = Patch(
    _SERVICE,
    "_dispatch_alarm_actions(alarm, old_state, new_state, reason)",
    corrects="MiniStack publishes its own message for an alarm and calls no scaling policy.",
    why="Subscribers parse CloudWatch's message, and endpoints scale by alarms.",
    until="MiniStack publishes CloudWatch's messages and lets an embedding process carry out further actions.",
)
_EVALUATE = tuple(
    Patch(
        _SERVICE,
        declaration,
        corrects="MiniStack compares all datapoints of a metric's name, whatever their dimensions, with the threshold.",
        why="Alarms would go off for another queue's messages, and never as CloudWatch's periods say (decision 50).",
        until=_UNTIL_EVALUATED,
    )
    for declaration in ("_evaluate_alarm(alarm)", "_evaluate_all_alarms()")
)
_METRIC_MATH = Patch(
    "ministack.services.cloudformation.provisioners",
    "_cw_metric_alarm_record(name, props)",
    corrects="MiniStack's CloudFormation refuses alarms on metric math, and takes alarms that are never evaluated.",
    why="The pipeline's alarms use metric math, and one that cannot be evaluated here has to fail the deployment.",
    until=_UNTIL_EVALUATED,
)
_HISTORY = Patch(
    _SERVICE,
    "_record_history(alarm_name, old_state, new_state, reason, alarm_type, reason_data)",
    corrects="MiniStack records the creation of an alarm as a change of its state; CloudWatch as one of configuration.",
    why="Every deployment would look as if its alarms had changed.",
    until="MiniStack records the creation of an alarm as ConfigurationUpdate.",
)


class PublicationError(Exception):
    """A topic did not take an alarm's message. The error's message is the service's reason."""


class MiniStackAlarms:
    """MiniStack's records of alarms, of the account and region that the thread speaks for."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._cloudwatch = _CLOUDWATCH.load()
        self._sns = _SNS.load()

    def stop_evaluation(self, dispatch: Dispatch) -> None:
        """Turn MiniStack's evaluation off, and have `dispatch` act on changes of state."""
        _ACTIONS.wrap(lambda _original, *change: dispatch(*change))
        for patch in _EVALUATE:
            patch.wrap(lambda _original, *_: None)
        _HISTORY.wrap(self._record_creation)

    def accept_metric_math(self) -> None:
        """Have CloudFormation accept metric math, and refuse alarms that cannot be evaluated."""

        def record(original: Callable[[str, Described], Described], name: str, properties: Described) -> Described:
            validate_alarm({**properties, "AlarmName": name})
            if not properties.get("Metrics"):
                return dict(original(name, properties))
            alarm = original(name, {**properties, "Metrics": None, "MetricName": "-", "Namespace": "-"})
            return with_metrics(alarm, properties["Metrics"])

        _METRIC_MATH.wrap(record)

    def described(self) -> list[Described]:
        """Return every metric alarm."""
        return list(self._cloudwatch._alarms.values())

    def composites(self) -> list[Described]:
        """Return every composite alarm."""
        return list(self._cloudwatch._composite_alarms.values())

    def named(self, names: Iterable[str]) -> list[Described]:
        """Return the alarms of these names, of both kinds, in the order of the names."""
        found = {each["AlarmName"]: each for each in (*self.described(), *self.composites())}
        return [found[name] for name in names if name in found]

    def evaluable(self) -> Iterable[tuple[Alarm, State]]:
        """Yield every metric alarm that can be evaluated, and its state."""
        for each in self.described():
            try:
                yield Alarm.of(each), State(each["StateValue"])
            except (AlarmError, KeyError, ValueError):
                continue  # the API and CloudFormation refuse it; one that came in another way is only kept

    def apply(self, transition: Transition) -> None:
        """Change an alarm's state, with its history, actions and parent composite alarms."""
        alarm = self._cloudwatch._alarms.get(transition.alarm)
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
        self._cloudwatch._record_history(transition.alarm, before, after, transition.reason, "MetricAlarm", data)
        self._cloudwatch._dispatch_alarm_actions(alarm, before, after, transition.reason)
        self._cloudwatch._evaluate_parent_alarms(alarm)

    def publish(self, topic_arn: str, alarm_arn: str, subject: str, message: str) -> None:
        """Publish as cloudwatch.amazonaws.com.

        The topic's policy has to allow it where policies are enforced.

        Raises:
            PublicationError: the policy does not allow it, or there is no such topic.
        """
        allowed = self._sns.topic_policy_allows(topic_arn, "cloudwatch.amazonaws.com", alarm_arn, self._account_id)
        if not allowed:
            raise PublicationError("CloudWatch Alarms is not authorized to perform: SNS:Publish on the resource")
        if self._sns.publish_internal(topic_arn, message, subject) is None:
            raise PublicationError("Topic does not exist")

    def record_action(self, alarm: Described, action: str, error: str | None) -> None:
        """Record in the alarm's history that an action was carried out, or its error."""
        done = {"actionState": "Failed" if error else "Succeeded", "notificationResource": action, "error": error}
        said = f"Failed to execute action {action}. Received error: {error}" if error else f"executed action {action}"
        self._cloudwatch._history_entries().append(
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": format_time(time.time()),
                "HistoryItemType": "Action",
                "HistorySummary": said if error else f"Successfully {said}",
                "HistoryData": json.dumps({name: value for name, value in done.items() if value is not None}),
            }
        )

    def _record_creation(
        self, original: Callable[..., None], name: str, before: str, after: str, reason: str, *rest: Any, **named: Any
    ) -> None:
        original(name, before, after, reason, *rest, **named)
        if reason == _CREATED:
            (*_, entry) = self._cloudwatch._history_entries()
            entry |= {"HistoryItemType": "ConfigurationUpdate", "HistorySummary": f'Alarm "{name}" created'}


def with_metrics(alarm: Described, metrics: list[Described]) -> Described:
    """Return the described alarm as one on metric math."""
    nothing = dict.fromkeys(("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit"))
    return {**alarm, **nothing, "Dimensions": [], "Metrics": metrics}
