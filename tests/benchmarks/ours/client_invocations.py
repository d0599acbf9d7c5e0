"""Invokes an endpoint many times with the async client's connection and its retries."""

from __future__ import annotations

import asyncio
import sys

from tailrace.aws.async_connections import Aioboto3Connection
from tailrace_core.aws.calls import Call
from tests.benchmarks.ours.request_loop import CONCURRENCY, at_a_time, request
from tests.benchmarks.report import report


async def invoke(url: str, count: int) -> int:
    """Return how many requests were accepted."""
    async with Aioboto3Connection(endpoint_url=url, region="eu-west-1", concurrency=CONCURRENCY) as connection:

        async def one(number: int) -> bool:
            answer = await connection.execute(Call("sagemaker-runtime", "invoke_endpoint_async", request(number)))
            return bool(answer["OutputLocation"])

        return await at_a_time(one, count)


if __name__ == "__main__":
    report(lambda: asyncio.run(invoke(sys.argv[1], int(sys.argv[2]))))
