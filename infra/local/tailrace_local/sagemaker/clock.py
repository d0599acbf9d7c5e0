"""Time and identifiers, as collaborators."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Protocol

NewId = Callable[[], str]


class Clock(Protocol):
    """Seconds since the epoch, and waiting."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)


def new_id() -> str:
    """A random UUID as text."""
    return str(uuid.uuid4())
