"""Two processes that take turns at their calls, in threads of which one at a time runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

LIMIT_S = 120.0
"""How long an actor may run between two calls."""
_ENDLESS = 10**9


class Actor(threading.Thread):
    """Does one thing, and stops before each call until it is let on."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._act = act
        self._allowed = 0
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self.calls = 0
        self.ended = False
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._act()
        except BaseException as exc:  # noqa: BLE001 it is raised where the actor is let on
            self.error = exc
        self.ended = True
        self._stopped.release()

    def before_call(self) -> None:
        """Wait for one's turn; called in the actor's thread."""
        while not self._allowed:
            self._stopped.release()
            self._go.acquire()
        self._allowed -= 1
        self.calls += 1

    def let(self, calls: int = _ENDLESS) -> None:
        """Let the actor make that many calls (to its end by default) and come to the next one; raises its error."""
        if self.ended:
            return
        self._allowed = calls
        self._go.release()
        if not self._stopped.acquire(timeout=LIMIT_S):
            raise AssertionError("an actor hangs between two calls")
        if self.error is not None:
            raise self.error


def take_turns(role: str, call: str) -> None:  # noqa: ARG001 as a schedule tells it
    """What a schedule is given so that actors stop: other threads are not concerned."""
    current = threading.current_thread()
    if isinstance(current, Actor):
        current.before_call()


def run_interleaved(
    one: Callable[[], object], other: Callable[[], object], *, first: int, second: int
) -> tuple[int, int]:
    """``one`` makes ``first`` calls, ``other`` ``second``, then each goes to its end; how many calls each made."""
    actors = Actor(one), Actor(other)
    actors[0].let(first)
    actors[1].let(second)
    for actor in actors:
        actor.let()
    for actor in actors:
        actor.join(LIMIT_S)
    return actors[0].calls, actors[1].calls
