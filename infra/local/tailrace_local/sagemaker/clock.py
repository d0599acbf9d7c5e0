"""Clock and id generator, passed in so that tests control them."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from tailrace_local.emulator_base.pace import Pace

NewId = Callable[[], str]
_LONGEST_STEP_S = 0.25


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


async def sleep_paced(clock: Clock, pace: Pace, nominal_s: float) -> None:
    """Wait for `nominal_s` at a pace that may change meanwhile."""
    while nominal_s > 0:
        step_s = min(pace.seconds(nominal_s), _LONGEST_STEP_S)
        nominal_s -= step_s / pace.time_scale
        await clock.sleep(step_s)


def new_id() -> str:
    """Return a random UUID as text."""
    return str(uuid.uuid4())
