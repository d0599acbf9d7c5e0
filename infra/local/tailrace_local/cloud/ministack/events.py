"""EventBridge: events of AWS's services, and a patch that checks the policies of target queues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from tailrace_local.cloud.ministack.account_scope import AccountScope
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloud.ministack.queues import Traffic

_EVENTS = PrivateModule("ministack.services.eventbridge", "_put_events(data, allow_aws_source)")
_SQS = PrivateModule(
    "ministack.services.sqs",
    "_queue_by_arn(arn)",
    "queue_policy_allows(queue_arn, service, source_arn, source_account)",
)
_INVOKE_TARGET = Patch(
    "ministack.services.eventbridge",
    "_invoke_target(target, event, rule, view)",
    corrects="MiniStack delivers to a queue whose policy does not let the rule send, and uses no dead-letter queue.",
    why="A queue without a policy for its rule would work here and get nothing on AWS.",
    until="MiniStack checks the policies of target queues, and sends failures to the target's dead-letter queue.",
)
_SERVICE = "events.amazonaws.com"
_log = logging.getLogger("tailrace.cloud.events")


class Event(Protocol):
    """An event of a service. `detail` is JSON as text."""

    @property
    def detail_type(self) -> str:
        """Kind of the event, such as ``SageMaker Transform Job State Change``."""
        ...

    @property
    def resources(self) -> Any:
        """The ARNs of the resources that it is about."""
        ...

    @property
    def detail(self) -> str:
        """More about it."""
        ...


class MiniStackEvents:
    """The default event bus of one account, for events of the source `aws.sagemaker`."""

    def __init__(self, *, region: str, account_id: str) -> None:
        self._scope = AccountScope(region, account_id)
        self._events = _EVENTS.load()

    async def put(self, event: Event) -> None:
        """Put an event, and deliver it to the targets of the rules that match."""
        await asyncio.to_thread(self._put, event)

    def _put(self, event: Event) -> None:
        self._scope.enter()
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": event.detail_type,
            "Resources": list(event.resources),
            "Detail": event.detail,
        }
        self._events._put_events({"Entries": [entry]}, allow_aws_source=True)


def check_target_queues(account_id: str, sent: Traffic) -> None:
    """Deliver events only to queues whose policies let the rule send, and count what is sent."""
    sqs = _SQS.load()

    def allowed(queue: str, rule: dict[str, Any]) -> bool:
        arn = str(rule.get("Arn", ""))
        return sqs._queue_by_arn(queue) is not None and sqs.queue_policy_allows(queue, _SERVICE, arn, account_id)

    def invoke(
        original: Callable[..., Any], target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *more: Any
    ) -> None:
        queue = str(target.get("Arn", ""))
        if ":sqs:" not in queue or "EventPattern" not in rule:
            original(target, event, rule, *more)
            return
        if not allowed(queue, rule):
            _log.warning("%s: the rule %s may not send to it", queue, rule.get("Name"))
            queue = str((target.get("DeadLetterConfig") or {}).get("Arn", ""))
            if not queue or not allowed(queue, rule):
                return
        original({**target, "Arn": queue}, event, rule, *more)
        sent.add("NumberOfMessagesSent", queue.rsplit(":", 1)[-1])

    _INVOKE_TARGET.wrap(invoke)
