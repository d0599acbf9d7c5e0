"""Faults of notifications: lost, repeated, late, out of order, stale or forged."""

import asyncio
import copy
import json
import logging
from collections import deque
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import EmulatorError
from tailrace_local.sagemaker.fault_injection.hooks import Publish
from tailrace_local.sagemaker.fault_injection.matching import RuleMatcher
from tailrace_local.sagemaker.fault_injection.plan import Delay, Drop, Duplicate, Forge, Reorder, Replay
from tailrace_local.sagemaker.messages.invocations import Invocation

REMEMBERED = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notification:
    """A message to publish, and the invocation that it is about."""

    invocation: Invocation
    text: str
    publish: Publish

    async def send(self) -> None:
        """Publish the message. Raises NotifyError and RoleError."""
        await self.publish(self.text)


@dataclass
class HeldNotifications:
    """The notifications that one reordering rule holds back."""

    matcher: RuleMatcher
    fault: Reorder
    waiting: list[Notification] = field(default_factory=list)


class NotificationFaults:
    """Applies notification faults. Later publications run in tasks of their own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[RuleMatcher, HeldNotifications] = {}
        self._sent: deque[Notification] = deque(maxlen=REMEMBERED)

    async def publish(
        self, acting: Iterable[RuleMatcher], invocation: Invocation, message: str, publish: Publish
    ) -> None:
        """Apply the rules in order, then publish.

        A rule that drops, delays or reorders ends the sequence.

        Raises:
            EmulatorError: the topic refused a message that was published immediately.
        """
        notification = Notification(invocation, message, publish)
        for matcher in acting:
            if await self._apply(matcher, notification):
                return
        await notification.send()
        self._sent.append(notification)

    async def close(self) -> None:
        """Drop the notifications that are held back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _apply(self, matcher: RuleMatcher, notification: Notification) -> bool:
        """Apply one rule; return whether the notification needs no further handling."""
        match matcher.rule.do:
            case Drop():
                return True
            case Duplicate(times=times, after_s=after_s):
                self._later(self._repeat(notification, times, after_s))
            case Delay(seconds=seconds, spread_s=spread_s):
                wait_s = seconds + spread_s * matcher.draw(notification.invocation, "spread")
                self._later(self._after(wait_s, notification))
                return True
            case Reorder() as fault:
                self._hold(matcher, fault, notification)
                return True
            case Replay():
                await self._replay(matcher, notification)
            case Forge(changes=changes, instead=instead):
                await notification.publish(forge_message(notification.text, changes))
                return instead
        return False

    async def _repeat(self, notification: Notification, times: int, after_s: float) -> None:
        for _ in range(times):
            await self._clock.sleep(after_s)
            await notification.send()

    async def _after(self, seconds: float, notification: Notification) -> None:
        await self._clock.sleep(seconds)
        await notification.send()
        self._sent.append(notification)

    async def _replay(self, matcher: RuleMatcher, notification: Notification) -> None:
        others = [one for one in self._sent if one.invocation.id != notification.invocation.id]
        if others:
            await others[int(matcher.draw(notification.invocation, "old one") * len(others))].send()

    def _hold(self, matcher: RuleMatcher, fault: Reorder, notification: Notification) -> None:
        held = self._held.get(matcher)
        if held is None:
            held = self._held[matcher] = HeldNotifications(matcher, fault)
            self._later(self._release_after(fault.within_s, held))
        held.waiting.append(notification)
        if len(held.waiting) >= fault.window:
            self._later(self._release(held))

    async def _release_after(self, seconds: float, held: HeldNotifications) -> None:
        await self._clock.sleep(seconds)
        await self._release(held)

    async def _release(self, held: HeldNotifications) -> None:
        if self._held.get(held.matcher) is held:
            del self._held[held.matcher]
        leaving, held.waiting = held.waiting, []
        arrived = list(leaving)
        leaving.sort(key=lambda one: held.matcher.draw(one.invocation, "place"))
        if leaving == arrived:
            leaving.reverse()
        for notification in leaving:
            await notification.send()
            self._sent.append(notification)

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.create_task(_log_failure(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _log_failure(work: Awaitable[None]) -> None:
    try:
        await work
    except EmulatorError as error:
        _log.warning("a notification that was held back could not be published and is lost: %s", error)


def invocation_status(message: str) -> str | None:
    """Return the invocationStatus of a notification, or a transform job's status of its event."""
    found = json.loads(message)
    return found.get("invocationStatus", found.get("TransformJobStatus")) if isinstance(found, dict) else None


def forge_message(message: str, changes: dict[str, Any]) -> str:
    """Return the message with other values at the dotted paths; None removes a value."""
    made = copy.deepcopy(json.loads(message))
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = made
        for name in parents:
            place = place.setdefault(name, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False)
