from __future__ import annotations

import asyncio

from tailrace.submit.async_byte_budget import AsyncByteGate


def test_what_fits_enters_and_something_larger_enters_alone() -> None:
    async def scenario() -> None:
        gate = AsyncByteGate(10)
        await gate.enter(100)
        waiting = asyncio.ensure_future(gate.enter(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        await gate.leave(100)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(scenario())
