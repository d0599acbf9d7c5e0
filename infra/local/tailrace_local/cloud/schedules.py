"""Schedules: invokes the target of each due one with the schedule's role.

The same role sends failed events to the dead-letter queue.

Source: AWS's "Configuring a schedule's dead-letter queue in EventBridge Scheduler". A schedule's
retry policy is left out, because an invocation that fails on this machine fails again.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from tailrace_local.cloud.roles.clients import RoleClients

_SESSION = "scheduler"
_log = logging.getLogger("tailrace.cloud.schedules")


class ScheduledTargets:
    """Invokes functions, sends to queues, and calls APIs.

    The target of an API is `arn:aws:scheduler:::aws-sdk:<service>:<operation>`, and its payload the
    parameters. Other targets raise NotImplementedError.
    """

    def __init__(self, clients: RoleClients) -> None:
        self._clients = clients

    def fire(self, schedule: dict[str, Any], payload: str) -> None:
        """Invoke the schedule's target, or send the payload to the schedule's dead-letter queue."""
        try:
            self._invoke(schedule, payload)
        except Exception as error:  # noqa: BLE001 - any error is a reason for a dead letter
            _log.warning("%s: %s", schedule.get("Name"), error)
            self._send_dead_letter(schedule, payload, error)

    def _invoke(self, schedule: dict[str, Any], payload: str) -> None:
        target = schedule["Target"]
        arn = str(target["Arn"])
        region = str(schedule["Arn"]).split(":")[3]

        def client(service: str) -> Any:
            return self._clients.client(service, target["RoleArn"], _SESSION, region)

        match arn.split(":")[2:]:
            case ["lambda", *_]:
                client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())
            case ["sqs", *_]:
                queues = client("sqs")
                queues.send_message(QueueUrl=_url(queues, arn), MessageBody=payload)
            case ["scheduler", _, _, "aws-sdk", service, operation]:
                name = re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", operation)
                getattr(client(service), name)(**json.loads(payload))
            case _:
                raise NotImplementedError(f"schedules here do not know the target {arn}")

    def _send_dead_letter(self, schedule: dict[str, Any], payload: str, error: Exception) -> None:
        target = schedule["Target"]
        queue = str((target.get("DeadLetterConfig") or {}).get("Arn", ""))
        if not queue:
            return
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        details = {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": str(error)[:1000],
            "RETRY_ATTEMPTS": "0",
            "SCHEDULE_ARN": str(schedule.get("Arn", "")),
            "TARGET_ARN": str(target["Arn"]),
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in details.items()}
        client = self._clients.client("sqs", target["RoleArn"], _SESSION, queue.split(":")[3])
        try:
            client.send_message(QueueUrl=_url(client, queue), MessageBody=payload, MessageAttributes=attributes)
        except Exception as refused:  # noqa: BLE001 - a payload without a reachable queue is lost, as on AWS
            _log.warning("%s: the dead letter is lost: %s", schedule.get("Name"), refused)


def _url(client: Any, queue_arn: str) -> str:
    _, _, _, _, account, name = queue_arn.split(":")
    return f"{client.meta.endpoint_url}/{account}/{name}"
