"""A loop of requests to an endpoint, `CONCURRENCY` at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

CONCURRENCY = 32


def request(number: int) -> dict[str, Any]:
    """Return the parameters of a submit's request."""
    return {
        "EndpointName": "bench",
        "InputLocation": f"s3://bench/v1/jobs/01JD0000000000000000000000/input/{number:012d}-1.csv",
        "InferenceId": f"01JD0000000000000000000000.{number}.1.1",
        "ContentType": "text/csv",
        "Accept": "text/csv",
        "RequestTTLSeconds": 21_600,
        "InvocationTimeoutSeconds": 900,
    }


async def at_a_time(one: Callable[[int], Awaitable[bool]], count: int) -> int:
    """Make ``count`` requests; return how many were accepted."""
    numbers = iter(range(count))
    done = 0

    async def work() -> None:
        nonlocal done
        for number in numbers:
            taken = await one(number)
            done += taken

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return done
