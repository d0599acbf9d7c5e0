"""The results reader: yields each event of a queue once, and acknowledges it when the caller is done.

Delivery is at least once: if a reader dies before it acknowledges, it or another reader of the same
queue gets the event again. Within one reader, a repeated event is dropped by its id.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from tailrace.aws.queues import Queue, ReceivedMessage, release
from tailrace_core.errors import MessageError, TailraceError
from tailrace_core.messages.events import JobFinished, PartReady, decode_published

VISIBILITY_TIMEOUT_S = 120
"""Visibility timeout of an event if this reader dies; extended for as long as the reader lives."""
REMEMBERED = 100_000
"""How many ids of events are remembered to drop repetitions: about 20 MB."""
_WAIT_S = 20


class ResultsReader:
    """Iterates over the events of a queue; a context manager.

    An event is acknowledged when the next one is requested, or by `acknowledge`. If the caller
    raises or leaves the loop, the current event is released on exit. Meanwhile a thread extends the
    visibility timeout of held messages.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        follow: bool = True,
        hidden_s: int = VISIBILITY_TIMEOUT_S,
        remembered: int = REMEMBERED,
        on_unreadable: Callable[[MessageError], object] | None = None,
        heartbeat: Callable[[Callable[[], None], float], Heartbeat] | None = None,
    ) -> None:
        """Wait for more events forever with ``follow``; otherwise end when the queue is empty.

        ``hidden_s`` is the visibility timeout in seconds. A message that is not an event is
        reported to ``on_unreadable`` and left to the dead-letter queue.
        """
        self._queue = queue
        self._follow = follow
        self._hidden_s = hidden_s
        self._remembered = remembered
        self._on_unreadable = on_unreadable
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._held: OrderedDict[str, ReceivedMessage] = OrderedDict()
        self._current: tuple[ReceivedMessage, str] | None = None
        self._lock = threading.Lock()
        self._heartbeat = (heartbeat or Heartbeat)(self.keep, hidden_s / 3)

    def __iter__(self) -> Iterator[PartReady | JobFinished]:
        """Yield the events as they come."""
        while True:
            received = self._queue.receive(visibility_timeout_s=self._hidden_s, wait_s=_WAIT_S if self._follow else 1)
            if not received and not self._follow:
                return
            with self._lock:
                self._held.update((each.message_id, each) for each in received)
            for message in received:
                yield from self._yield_event(message)

    def acknowledge(self) -> None:
        """Acknowledge the event yielded last: it does not come again."""
        if self._current is None:
            return
        message, event_id = self._current
        self._current = None
        self._delete(message)
        self._seen[event_id] = None
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    def keep(self) -> None:
        """Extend the visibility timeout of the messages that are held."""
        with self._lock:
            held = list(self._held.values())
        try:
            self._queue.change_visibility(held, self._hidden_s)
        except TailraceError:
            # Another reader may get the event then, with the same id; the next beat tries again.
            return

    def close(self) -> None:
        """Release the messages that were not acknowledged."""
        self._heartbeat.stop()
        self._current = None
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        release(self._queue, held)

    def __enter__(self) -> Self:
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _yield_event(self, message: ReceivedMessage) -> Iterator[PartReady | JobFinished]:
        try:
            event = decode_published(message.body)
        except MessageError as exc:
            with self._lock:
                self._held.pop(message.message_id, None)
            if self._on_unreadable is not None:
                self._on_unreadable(exc)
            return
        if event.event_id in self._seen:
            self._delete(message)
            return
        self._current = message, event.event_id
        yield event
        self.acknowledge()

    def _delete(self, message: ReceivedMessage) -> None:
        with self._lock:
            self._held.pop(message.message_id, None)
        self._queue.delete(message)


class Heartbeat:
    """Calls ``beat`` every ``every_s`` seconds in a thread of its own, until ``stopped`` is set."""

    def __init__(self, beat: Callable[[], None], every_s: float) -> None:
        self._beat = beat
        self._every_s = every_s
        self._thread: threading.Thread | None = None
        self.stopped = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="tailrace-results", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait for a running beat; its calls have time limits."""
        self.stopped.set()
        self.join()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self.stopped.wait(self._every_s):
            self._beat()
