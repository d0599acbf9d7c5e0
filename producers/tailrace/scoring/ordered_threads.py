"""Runs work in threads, and yields the results in the order of the work as they come."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, TypeVar

W = TypeVar("W")
R = TypeVar("R")

LOOK_S = 0.5
"""Longest wait for a result before the caller looks whether the work goes on."""

WINDOW_FACTOR = 2
"""Pieces of work taken for each thread: while the first result is awaited, others are made."""


class OrderedThreads(Generic[W, R]):
    """Calls ``work`` in ``threads`` threads.

    The threads do not hold up the end of the process: after an interruption, nobody waits for a
    request under way.
    """

    def __init__(self, work: Callable[[W], R], threads: int) -> None:
        self._work = work
        self._queue: queue.SimpleQueue[tuple[W, Future[R]] | None] = queue.SimpleQueue()
        self._count = threads
        self._started = 0

    def results(
        self, items: Iterable[W], ended: Future[None], require_running: Callable[[], None] = lambda: None
    ) -> Iterator[R]:
        """Yield a result for each item, in order.

        Items are taken as results are, so that a bounded number of both is held.

        Raises what the work raises, the error of ``ended`` as soon as it has one, and what
        ``require_running`` raises, which is called again and again while a result is awaited.
        """
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                if len(pending) >= WINDOW_FACTOR * self._count:
                    yield self._first(pending, ended, require_running)
                if ended.done():
                    ended.result()
                pending.append(self._submit(item))
            while pending:
                yield self._first(pending, ended, require_running)
        finally:
            for _ in range(self._started):
                self._queue.put(None)

    def _first(self, pending: deque[Future[R]], ended: Future[None], require_running: Callable[[], None]) -> R:
        future = pending.popleft()
        futures: list[Future[Any]] = [future, ended]
        while not wait(futures, timeout=LOOK_S, return_when=FIRST_COMPLETED).done:
            require_running()
        if ended.done():
            ended.result()
        return future.result()

    def _submit(self, item: W) -> Future[R]:
        future: Future[R] = Future()
        self._queue.put((item, future))
        if self._started < self._count:
            self._started += 1
            threading.Thread(target=self._run, name=f"tailrace-score-{self._started}", daemon=True).start()
        return future

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            item, future = task
            try:
                future.set_result(self._work(item))
            except BaseException as exc:  # noqa: BLE001 - raised where the result is taken
                future.set_exception(exc)
            del item, future, task
