"""Several things at once, by threads that live as long as there is something to do.

`concurrent.futures` does it with more: its import, a queue, an atexit hook. Whoever calls works too, here, so that one
thing alone takes no thread, and everything is done when no thread is to be had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def side_by_side(
    do: Callable[[T], object],
    items: Iterable[T],
    *,
    concurrency: int,
    make_thread: Callable[[Callable[[], None]], Thread] = lambda work: Thread(target=work, daemon=True),
) -> None:
    """``do`` each of ``items``, up to ``concurrency`` at once; all are done at the return.

    Once ``do`` raises, whatever it is, nothing more is begun; what is under way is waited for, then it is raised here.
    How long that takes is for ``do`` to bound: each call of a message has its time limit, and the function has one.
    """
    waiting = deque(items)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                try:
                    item = waiting.popleft()
                except IndexError:
                    return
                do(item)
        except BaseException as exc:  # noqa: BLE001 a thread has nobody to raise it to
            waiting.clear()
            raised.append(exc)

    threads: list[Thread] = []
    try:
        for _ in range(min(concurrency, len(waiting)) - 1):
            thread = make_thread(work)
            try:
                thread.start()
            except RuntimeError:
                break  # no more threads are to be had
            threads.append(thread)
        work()
        for thread in threads:
            thread.join()
    finally:
        # Whoever is interrupted here leaves threads behind: they begin nothing more.
        waiting.clear()
    if raised:
        raise raised[0]
