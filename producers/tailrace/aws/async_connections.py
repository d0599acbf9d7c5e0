"""The async executor: carries out calls with aioboto3 in one event loop, and a bridge to it for other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from tailrace.aws.connections import (
    INTERACTIVE_RETRIES,
    JOB_RETRIES,
    client_settings,
    resolve_region,
    retry_policy_for,
    translate_address_errors,
    translate_errors,
    validate_endpoint_url,
)
from tailrace.sources.origins import RemoteObject
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import retrying_async
from tailrace_core.errors import ConfigurationError

T = TypeVar("T")


class Aioboto3Connection:
    """Executes `Call`s with aioboto3 clients made on first use; an async context manager."""

    def __init__(
        self, *, session: Any = None, endpoint_url: str | None = None, region: str | None = None, concurrency: int = 32
    ) -> None:
        self._session = session
        self._endpoint_url = validate_endpoint_url(endpoint_url)
        self._region = region
        self._concurrency = concurrency
        self._clients: dict[str, Any] = {}
        self._exit = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._quick = retrying_async(self._once, policy=INTERACTIVE_RETRIES)
        self._patient = retrying_async(self._once, policy=JOB_RETRIES)
        self._whole = retrying_async(self._once_whole, policy=JOB_RETRIES)

    @property
    def where(self) -> str:
        """The region or the address that is asked, for messages."""
        return self._endpoint_url or f"region {resolve_region(self._own_session(), self._region)}"

    async def execute(self, call: Call) -> Any:
        """The answer to a call.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        return await (self._quick if retry_policy_for(call) is INTERACTIVE_RETRIES else self._patient)(call)

    async def read_body(self, call: Call) -> bytes:
        """The whole body of the answer to a call of S3."""
        body: bytes = await self._whole(call)
        return body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()
        self._clients.clear()

    async def _once(self, call: Call) -> Any:
        with translate_errors(call):
            return await getattr(await self._client(call.service), call.operation)(**call.params)

    async def _once_whole(self, call: Call) -> bytes:
        with translate_errors(call):
            answer = await getattr(await self._client(call.service), call.operation)(**call.params)
            async with answer["Body"] as body:
                data: bytes = await body.read()
                return data

    async def _client(self, service: str) -> Any:
        async with self._lock:
            if service not in self._clients:
                from aiobotocore.config import AioConfig  # noqa: PLC0415 - it comes with the extra [async]

                session = self._own_session()
                made = session.client(
                    service,
                    region_name=resolve_region(session, self._region),
                    endpoint_url=self._endpoint_url,
                    config=AioConfig(**client_settings(self._concurrency, self._endpoint_url)),
                )
                with translate_address_errors(service):
                    self._clients[service] = await self._exit.enter_async_context(made)
            return self._clients[service]

    def _own_session(self) -> Any:
        if self._session is None:
            try:
                import aioboto3  # noqa: PLC0415 - it comes with the extra [async]
            except ImportError as exc:
                raise ConfigurationError("the async client needs the extra [async]: install tailrace[async]") from exc
            self._session = aioboto3.Session(region_name=self._region)
        return self._session


class Bridge:
    """An `Aioboto3Connection` for threads beside the loop's; implements `tailrace.aws.connections.AwsConnection`."""

    def __init__(self, connection: Aioboto3Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop

    @property
    def where(self) -> str:
        """The region or the address that is asked, for messages."""
        return self._connection.where

    def prepare(self, services: Sequence[str]) -> None:
        """Nothing: clients are made in the loop when they are first called."""

    def execute(self, call: Call) -> Any:
        """The answer to a call."""
        return self._wait(self._connection.execute(call))

    def read_body(self, call: Call) -> bytes:
        """The whole body of the answer to a call of S3."""
        return self._wait(self._connection.read_body(call))

    def open_object(self, bucket: str, key: str) -> RemoteObject:
        """An object of S3, opened for streaming."""
        answer = self.execute(Call("s3", "get_object", {"Bucket": bucket, "Key": key}))
        return RemoteObject(_BridgedBody(answer["Body"], self._loop), answer["ContentLength"])

    def close(self) -> None:
        """Nothing: whoever made the connection closes it."""

    def _wait(self, answer: Coroutine[Any, Any, T]) -> T:
        # Bounded: each call has its own time limits and tries.
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()


class _BridgedBody:
    """A streaming body of aioboto3, read from another thread."""

    def __init__(self, body: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._body = body
        self._loop = loop

    def read(self, size: int, /) -> bytes:
        data: bytes = asyncio.run_coroutine_threadsafe(self._body.read(size), self._loop).result()
        return data

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._body.close)
