from __future__ import annotations

import asyncio

from tailrace.submit.async_byte_budget import AsyncByteBudget


def test_what_fits_enters_and_something_larger_enters_alone() -> None:
    async def scenario() -> None:
        budget = AsyncByteBudget(10)
        await budget.acquire(100)
        waiting = asyncio.ensure_future(budget.acquire(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.release(100)
        await asyncio.wait_for(waiting, 60)

    asyncio.run(scenario())
