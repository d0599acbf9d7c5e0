"""The same requests by a plain loop over aioboto3.

Runs in the project's environment, for its aioboto3.
"""

from __future__ import annotations

import asyncio
import sys

import aioboto3
from aiobotocore.config import AioConfig

from tests.benchmarks.ours.request_loop import CONCURRENCY, at_a_time, request
from tests.benchmarks.report import report


async def invoke(url: str, count: int) -> int:
    """Return how many requests were accepted."""
    settings = AioConfig(max_pool_connections=CONCURRENCY)
    session = aioboto3.Session(region_name="eu-west-1")
    async with session.client("sagemaker-runtime", endpoint_url=url, config=settings) as client:

        async def one(number: int) -> bool:
            answer = await client.invoke_endpoint_async(**request(number))
            return bool(answer["OutputLocation"])

        return await at_a_time(one, count)


if __name__ == "__main__":
    report(lambda: asyncio.run(invoke(sys.argv[1], int(sys.argv[2]))))
