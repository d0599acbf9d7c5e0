"""Leases: the messages that a reader holds, and until when it may hand them out.

SQS hides a received message for its visibility timeout. A lease counts that time on the monotonic
clock from before the request, so that it never outlasts the queue's own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tailrace.aws.queues import ReceivedMessage


@dataclass(slots=True)
class Lease:
    """A received message. Times are of the monotonic clock, in seconds."""

    message: ReceivedMessage
    received_at: float
    expires_at: float
    event_id: str = ""
    """Id of the event, once it is decoded."""


class Leases:
    """The leases of one reader, waiting or handed out; may be used by several threads."""

    def __init__(self, *, hidden_s: int, max_hold_s: float, remembered: int, now: Callable[[], float]) -> None:
        self._hidden_s = hidden_s
        self._max_hold_s = max_hold_s
        self._remembered = remembered
        self._now = now
        self._lock = threading.Lock()
        self._waiting: deque[Lease] = deque()
        self._out: dict[str, Lease] = {}
        self._done: OrderedDict[str, None] = OrderedDict()

    def add(self, messages: Iterable[ReceivedMessage], asked_at: float) -> None:
        """Add messages that were received by a request of ``asked_at``.

        The least often received come first: an event that fails again and again, or ends the
        process, should not take others with it.
        """
        fresh_first = sorted(messages, key=lambda each: each.receives)
        with self._lock:
            self._waiting.extend(Lease(each, asked_at, asked_at + self._hidden_s) for each in fresh_first)

    def take(self) -> Lease | None:
        """Hand out the next waiting lease, which may be lost (`alive`); None if none is waiting."""
        with self._lock:
            if not self._waiting:
                return None
            lease = self._waiting.popleft()
            self._out[lease.message.message_id] = lease
            return lease

    def alive(self, lease: Lease) -> bool:
        """Return whether the message is hidden from other readers for certain."""
        return self._now() < lease.expires_at

    def out(self, event_id: str) -> Lease | None:
        """Return the lease of an event that is handed out."""
        with self._lock:
            return next((each for each in self._out.values() if each.event_id == event_id), None)

    def drop(self, lease: Lease) -> None:
        """Forget a lease that was handed out."""
        with self._lock:
            self._out.pop(lease.message.message_id, None)

    def drop_waiting(self) -> list[Lease]:
        """Forget the waiting leases, and return those that are alive."""
        with self._lock:
            waiting = [each for each in self._waiting if self.alive(each)]
            self._waiting.clear()
            return waiting

    def drop_all(self) -> list[Lease]:
        """Forget all leases, and return those that are alive."""
        with self._lock:
            held = [each for each in (*self._waiting, *self._out.values()) if self.alive(each)]
            self._waiting.clear()
            self._out.clear()
            return held

    def renewable(self) -> list[Lease]:
        """Return the leases to extend.

        One that has ended is another reader's; one that is held for ``max_hold_s`` may end.
        """
        now = self._now()
        with self._lock:
            held = [*self._waiting, *self._out.values()]
            return [each for each in held if now < each.expires_at and now - each.received_at < self._max_hold_s]

    def renew(self, lease: Lease, asked_at: float) -> None:
        """Record that a request of ``asked_at`` extended the lease."""
        with self._lock:
            lease.expires_at = max(lease.expires_at, asked_at + self._hidden_s)

    def finish(self, event_id: str) -> None:
        """Remember the id of an event that was acknowledged, to drop its copies."""
        with self._lock:
            self._done[event_id] = None
            while len(self._done) > self._remembered:
                self._done.popitem(last=False)

    def finished(self, event_id: str) -> bool:
        """Return whether an event with the id was acknowledged."""
        with self._lock:
            return event_id in self._done
