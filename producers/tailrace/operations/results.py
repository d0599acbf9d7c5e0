"""The results reader: events from a queue, each handed out once, acknowledged when the caller has done its work.

Delivery is at least once: a reader that dies before it acknowledges gets the event again, and so may another reader of
the same queue. Within one reader an event that comes again is dropped by its id.
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
"""How long an event is hidden from other readers if this one dies; extended for as long as it lives."""
REMEMBERED = 100_000
"""Events whose ids are kept to drop repetitions: some 20 MB."""
_WAIT_S = 20


class ResultsReader:
    """Iterates over the events of a queue; a context manager.

    An event is acknowledged when the next one is asked for, or by `acknowledge`. One that the caller did not get done
    (it raised, or left the loop) is given back on leaving. Meanwhile a thread keeps what is held hidden from others.
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
        """With ``follow`` it waits for more for ever, else it ends when the queue is read.

        A message that is no event is reported to ``on_unreadable`` and left to the queue's dead letters.
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
        self._keeper = (heartbeat or Heartbeat)(self.keep, hidden_s / 3)

    def __iter__(self) -> Iterator[PartReady | JobFinished]:
        """The events as they come."""
        while True:
            received = self._queue.receive(visibility_timeout_s=self._hidden_s, wait_s=_WAIT_S if self._follow else 1)
            if not received and not self._follow:
                return
            with self._lock:
                self._held.update((each.message_id, each) for each in received)
            for message in received:
                yield from self._handed_out(message)

    def acknowledge(self) -> None:
        """Say that the event handed out last is done: it does not come again."""
        if self._current is None:
            return
        message, event_id = self._current
        self._current = None
        self._delete(message)
        self._seen[event_id] = None
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    def keep(self) -> None:
        """Keep what is held hidden from others for a while longer."""
        with self._lock:
            held = list(self._held.values())
        try:
            self._queue.change_visibility(held, self._hidden_s)
        except TailraceError:
            # It may come to another reader then, who sees the same id; the next beat tries again.
            return

    def close(self) -> None:
        """Give back what was not acknowledged."""
        self._keeper.stop()
        self._current = None
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        release(self._queue, held)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _handed_out(self, message: ReceivedMessage) -> Iterator[PartReady | JobFinished]:
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
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="tailrace-results", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the beat that is under way; its calls are bounded."""
        self.stopped.set()
        self.join()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self.stopped.wait(self._every_s):
            self._beat()
