"""Clock and id generator, passed in so that tests control them."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Protocol

NewId = Callable[[], str]


class Clock(Protocol):
    """Tells the time and waits."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


def new_id() -> str:
    """Return a random UUID as text."""
    return str(uuid.uuid4())
