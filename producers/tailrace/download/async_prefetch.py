"""`tailrace.download.prefetch` with tasks.

A module of its own because asyncio takes a while to import.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from tailrace.download.parts import Slice
from tailrace.download.prefetch import Prefetch, schedule


async def prefetch_async(
    slices: Iterable[Slice], read: Callable[[Slice], Awaitable[bytes]], *, concurrency: int, bytes_in_flight: int
) -> AsyncGenerator[tuple[Slice, bytes], None]:
    """Yield each slice with its bytes, in order.

    Close it (`contextlib.aclosing`): that cancels the reads ahead.
    """
    slots = asyncio.Semaphore(concurrency)
    reads: deque[asyncio.Task[bytes]] = deque()

    async def read_one(piece: Slice) -> bytes:
        async with slots:
            return await read(piece)

    try:
        for action, piece in schedule(slices, bytes_in_flight):
            if action is Prefetch.START:
                reads.append(asyncio.create_task(read_one(piece)))
            else:
                data = await reads[0]
                reads.popleft()
                yield piece, data
    finally:
        for task in reads:
            task.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
