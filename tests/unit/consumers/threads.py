"""What tests with threads share: nothing waits for longer than `LIMIT_S`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

LIMIT_S = 120.0
RAISED: list[type[BaseException]] = [RuntimeError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit]


def bounded(act: Callable[[], object]) -> None:
    """Do it in a thread, which has to come to its end; raises what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as exc:  # noqa: BLE001 it is raised by whoever waits
            raised.append(exc)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert not thread.is_alive(), "it hangs"
    if raised:
        raise raised[0]


def busy() -> None:
    """Work for long enough that others come in between, if they may."""
    for _ in range(20_000):
        pass


@contextmanager
def switching_often() -> Iterator[None]:
    """Threads take turns a thousand times as often as ever."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
