"""Reads that run side by side and come back in order, with a bound on the bytes that are on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_MOST_AHEAD = 64


def read_ahead(
    reads: Iterable[tuple[T, int, Callable[[], bytes]]], *, concurrency: int, bytes_in_flight: int
) -> Iterator[tuple[T, bytes]]:
    """The result of each read in order, given what it is for, about how many bytes it gives, and how to do it.

    Raises whatever a read raises, when its turn has come.
    """
    ahead: deque[tuple[T, int, Future[bytes]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-read")
    try:
        for what, size_bytes, read in reads:
            while ahead and (held + size_bytes > bytes_in_flight or len(ahead) >= _MOST_AHEAD):
                done, done_bytes, future = ahead.popleft()
                yield done, future.result()
                held -= done_bytes
            ahead.append((what, size_bytes, pool.submit(read)))
            held += size_bytes
        while ahead:
            done, _, future = ahead.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
