"""Helpers for tests with threads; none of them waits longer than `LIMIT_S`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

LIMIT_S = 120.0
RAISED: list[type[BaseException]] = [RuntimeError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit]


def bounded(act: Callable[[], object]) -> None:
    """Run ``act`` in a thread that has to end within `LIMIT_S`; raise what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as exc:  # noqa: BLE001 raised by the waiting thread
            raised.append(exc)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert not thread.is_alive(), "the thread hangs"
    if raised:
        raise raised[0]


def in_threads(act: Callable[[int], object], count: int) -> None:
    """Run ``act(0)`` to ``act(count - 1)`` in a thread each, at once.

    Raise what one of them raised.
    """

    def run() -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(act, range(count)))

    bounded(run)


def busy() -> None:
    """Work long enough for other threads to interleave, if they may."""
    for _ in range(20_000):
        pass


@contextmanager
def switching_often() -> Iterator[None]:
    """Make threads switch a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
