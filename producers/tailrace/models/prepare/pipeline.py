"""Preparation of cuts in several threads, in order and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CUT_BYTES = 4 * 1024 * 1024
"""Size of a cut that is prepared at a time. About 25 times as much is held for each thread."""
MAX_THREADS = 4


def threads() -> int:
    """Return how many cuts to prepare at a time.

    One more than there are processors, for a thread waits for the interpreter now and then.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_THREADS, processors + 1)


def in_order(work: Callable[[T], R], items: Iterable[T], *, workers: int | None = None) -> Iterator[R]:
    """Yield the result for each item, in the order of the items.

    Items are taken in the caller's thread, at most one more than there are threads ahead of the
    result that is yielded. The first error ends the iteration.
    """
    count = workers or threads()
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="tailrace-prepare") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for each in pending:
                each.cancel()
