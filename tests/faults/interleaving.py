"""Interleaving of two processes: they run in threads that take turns at their calls."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.faults.commuting import Trace

LIMIT_S = 120.0
"""Longest time that an actor may run between two calls, in seconds."""
_ENDLESS = 10**9


class Actor(threading.Thread):
    """A thread that runs one action and stops before each call until it may continue."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._act = act
        self._allowed = 0
        # Each is released once for each time that it is acquired: bare locks switch fastest.
        self._go, self._stopped = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        self.calls: list[str] = []
        self.ended = False
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._act()
        except BaseException as exc:  # noqa: BLE001 raised again where the actor continues
            self.error = exc
        self.ended = True
        self._stopped.release()

    def before_call(self, call: str) -> None:
        """Wait for permission; called in the actor's thread."""
        while not self._allowed:
            self._stopped.release()
            self._go.acquire()
        self._allowed -= 1
        self.calls.append(call)

    def resume(self, calls: int = _ENDLESS) -> None:
        """Let the actor make ``calls`` calls, by default all, and stop; raise its error."""
        if self.ended:
            return
        self._allowed = calls
        self._go.release()
        if not self._stopped.acquire(timeout=LIMIT_S):
            raise AssertionError("an actor hangs between two calls")
        if self.error is not None:
            raise self.error


def take_turns(role: str, call: str) -> None:  # noqa: ARG001 the signature of `Schedule.before_call`
    """Stop an actor before a call; a `Schedule.before_call` that ignores other threads."""
    current = threading.current_thread()
    if isinstance(current, Actor):
        current.before_call(call)


def run_interleaved(one: Callable[[], object], other: Callable[[], object], *, first: int, second: int) -> Trace:
    """Run ``one`` for ``first`` calls, ``other`` for ``second``, then each to its end.

    Returns the calls that each made.
    """
    actors = Actor(one), Actor(other)
    actors[0].resume(first)
    actors[1].resume(second)
    for actor in actors:
        actor.resume()
    for actor in actors:
        actor.join(LIMIT_S)
    return Trace(actors[0].calls, actors[1].calls)
