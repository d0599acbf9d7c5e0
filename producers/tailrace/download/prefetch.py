"""Reads a download's slices ahead of their use and in order, with a bound on the bytes held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto

from tailrace.download.parts import Slice

_MAX_AHEAD = 64


class Prefetch(Enum):
    """The next step for a slice."""

    START = auto()
    """Start to read it."""
    TAKE = auto()
    """Wait for its bytes and hand them out: it is the oldest slice under way."""


def schedule(slices: Iterable[Slice], bytes_in_flight: int) -> Iterator[tuple[Prefetch, Slice]]:
    """Yield the order in which to start and take slices, to hold about ``bytes_in_flight`` at most.

    The sync and the async client carry it out with threads and with tasks.
    """
    ahead: deque[Slice] = deque()
    held = 0
    for piece in slices:
        while ahead and (held + piece.size_bytes > bytes_in_flight or len(ahead) >= _MAX_AHEAD):
            yield Prefetch.TAKE, ahead[0]
            held -= ahead.popleft().size_bytes
        yield Prefetch.START, piece
        ahead.append(piece)
        held += piece.size_bytes
    for piece in ahead:
        yield Prefetch.TAKE, piece


def prefetch(
    slices: Iterable[Slice], read: Callable[[Slice], bytes], *, concurrency: int, bytes_in_flight: int
) -> Generator[tuple[Slice, bytes], None, None]:
    """Yield each slice with its bytes, in order.

    Raises the error of a read when the turn of its slice comes.
    """
    reads: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-read")
    try:
        for action, piece in schedule(slices, bytes_in_flight):
            if action is Prefetch.START:
                reads.append(pool.submit(read, piece))
            else:
                yield piece, reads.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
