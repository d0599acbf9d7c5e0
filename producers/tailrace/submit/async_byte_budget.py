"""The bound on bytes in flight for tasks.

A module of its own because asyncio takes a while to import.
"""

from __future__ import annotations

import asyncio

from tailrace.submit.byte_budget import DEFAULT_BYTES


class AsyncByteBudget:
    """`ByteBudget` for tasks of one event loop."""

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._released = asyncio.Event()

    async def acquire(self, size_bytes: int) -> None:
        """Wait until ``size_bytes`` fit."""
        while self._held and self._held + size_bytes > self._limit:
            self._released.clear()
            await self._released.wait()
        self._held += size_bytes

    def release(self, size_bytes: int) -> None:
        """Release ``size_bytes`` acquired before."""
        self._held -= size_bytes
        self._released.set()
