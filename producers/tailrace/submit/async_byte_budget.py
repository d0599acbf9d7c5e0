"""The bound on bytes in flight for tasks; apart from the threads', as asyncio takes a while to import."""

from __future__ import annotations

import asyncio

from tailrace.submit.byte_budget import DEFAULT_BYTES


class AsyncByteBudget:
    """`ByteBudget` for tasks of one event loop."""

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._changed = asyncio.Condition()

    async def acquire(self, size_bytes: int) -> None:
        """Wait until ``size_bytes`` fit."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held == 0 or self._held + size_bytes <= self._limit)
            self._held += size_bytes

    async def release(self, size_bytes: int) -> None:
        """Give ``size_bytes`` back."""
        async with self._changed:
            self._held -= size_bytes
            self._changed.notify_all()
