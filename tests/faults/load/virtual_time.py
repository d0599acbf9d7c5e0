"""Virtual time: coroutines that sleep and wait for each other, in one thread and without waiting."""

from __future__ import annotations

import heapq
import types
from collections import deque
from collections.abc import Coroutine, Generator, Iterable
from typing import Any

Task = Coroutine[Any, Any, Any]


class Event:
    """An event that wakes all tasks that wait for it, once."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._waiting: list[Task] = []
        self.happened = False

    def set(self) -> None:
        self.happened = True
        for task in self._waiting:
            self._time.schedule(task, 0.0)
        self._waiting.clear()

    def park(self, task: Task) -> None:
        """Keep a task until the event happens."""
        self._waiting.append(task)


class VirtualTime:
    """The clock, and the tasks in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Task]] = []
        self._scheduled = 0

    def clock(self) -> float:
        return self.now

    def schedule(self, task: Task, delay_s: float) -> None:
        self._scheduled += 1
        heapq.heappush(self._due, (self.now + delay_s, self._scheduled, task))

    def run(self) -> None:
        """Run until every task has ended."""
        while self._due:
            self.now, _, task = heapq.heappop(self._due)
            try:
                waits_for = task.send(None)
            except StopIteration:
                continue
            if isinstance(waits_for, Event):
                waits_for.park(task)
            else:
                self.schedule(task, waits_for)

    async def all_of(self, tasks: Iterable[Task]) -> None:
        """Run tasks at once; return when all have ended."""
        tasks = list(tasks)
        left, done = len(tasks), Event(self)

        async def counted(task: Task) -> None:
            nonlocal left
            await task
            left -= 1
            if not left:
                done.set()

        for task in tasks:
            self.schedule(counted(task), 0.0)
        if tasks:
            await wait_for(done)


class Lock:
    """A lock that tasks get in the order in which they asked."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._held = False
        self._waiting: deque[Event] = deque()

    async def __aenter__(self) -> None:
        if self._held:
            turn = Event(self._time)
            self._waiting.append(turn)
            await wait_for(turn)
        self._held = True

    async def __aexit__(self, *_: object) -> None:
        self._held = bool(self._waiting)
        if self._waiting:
            self._waiting.popleft().set()


@types.coroutine
def sleep(seconds: float) -> Generator[float, None, None]:
    """Let so much virtual time pass."""
    yield seconds


@types.coroutine
def wait_for(event: Event) -> Generator[Event, None, None]:
    """Wait until the event happens."""
    if not event.happened:
        yield event
