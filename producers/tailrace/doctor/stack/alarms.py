"""The alarms: subscribers of their topic, actions, and those that are active."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok, problems_or, warn
from tailrace.doctor.stack.topics import subscriptions_of
from tailrace_core.aws.calls import Call, Steps

_PENDING = "PendingConfirmation"


def subscribers(stack: Deployment) -> Steps[list[Finding]]:
    """Require somebody who is told of alarms."""
    topic = stack.outputs.get("AlarmTopic")
    if not topic:
        return [warn("the stack has no alarms", advice="deploy with Monitoring=true")]
    found = yield from subscriptions_of(topic)
    confirmed = [each for each in found if each["SubscriptionArn"] not in {_PENDING, "Deleted"}]
    if confirmed:
        return [ok(f"{len(confirmed)} subscribers are told of alarms")]
    waiting = [str(each["Endpoint"]) for each in found if each["SubscriptionArn"] == _PENDING]
    if waiting:
        return [
            warn(
                f"{', '.join(waiting)} has not confirmed the subscription to alarms", advice="open the link in the mail"
            )
        ]
    command = stack.commands.aws(
        "sns",
        "subscribe",
        "--topic-arn",
        topic,
        "--protocol",
        "email",
        "--notification-endpoint",
        "you@example.com",
    )
    return [warn("nobody is told of alarms", command=command, advice="with your address; or deploy with AlarmEmail")]


def actions(stack: Deployment) -> Steps[list[Finding]]:
    """Require that the alarms reach their topic."""
    topic = stack.outputs.get("AlarmTopic")
    if not topic:
        return []
    alarms = yield from _alarms(stack)
    if not alarms:
        return [fail("the stack's alarms are gone", advice="deploy with Monitoring=false, then with true again")]
    off = [alarm["AlarmName"] for alarm in alarms if not alarm.get("ActionsEnabled", True)]
    silent = [alarm["AlarmName"] for alarm in alarms if topic not in alarm.get("AlarmActions", ()) and _acts(alarm)]
    found: list[Finding] = []
    if off:
        command = stack.commands.aws("cloudwatch", "enable-alarm-actions", "--alarm-names", *off)
        found.append(warn(f"{len(off)} alarms have their actions disabled", command=command))
    if silent:
        advice = "deploy with Monitoring=false, then with true again"
        found.append(warn(f"{len(silent)} alarms do not reach the topic: {', '.join(silent)}", advice=advice))
    return problems_or(found, f"{len(alarms)} alarms reach the topic")


def _acts(alarm: dict[str, Any]) -> bool:
    return bool(alarm.get("AlarmDescription"))


def active(stack: Deployment) -> Steps[list[Finding]]:
    """Report active alarms; their descriptions name the section of the runbook."""
    if "AlarmTopic" not in stack.outputs:
        return []
    alarms = yield from _alarms(stack, StateValue="ALARM")
    found = [warn(f"{alarm['AlarmName']} is in ALARM", advice=alarm.get("AlarmDescription", "")) for alarm in alarms]
    return problems_or(found, "no alarm is active")


def _alarms(stack: Deployment, **more: str) -> Steps[list[dict[str, Any]]]:
    """Return the alarms of the nested stack of monitoring."""
    found: list[dict[str, Any]] = []
    params = {"AlarmNamePrefix": f"{stack.name}-Watch-", **more}
    while True:
        answer = yield Call("cloudwatch", "describe_alarms", params)
        found += answer["MetricAlarms"]
        if not answer.get("NextToken"):
            return found
        params = {**params, "NextToken": answer["NextToken"]}
