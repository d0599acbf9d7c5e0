"""The async executor: makes calls with aioboto3 in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self

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
from tailrace.sources.origins import S3Objects
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.retrying import retrying_async
from tailrace_core.errors import ConfigurationError


class Aioboto3Connection:
    """Executes calls with aioboto3 clients made on first use.

    An async context manager that closes them.
    """

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
        self._interactive = retrying_async(self._once, policy=INTERACTIVE_RETRIES)
        self._patient = retrying_async(self._once, policy=JOB_RETRIES)
        self._whole = retrying_async(self._once_whole, policy=JOB_RETRIES)

    @property
    def where(self) -> str:
        """The region or the address that is called, for messages."""
        return self._endpoint_url or f"region {resolve_region(self._own_session(), self._region)}"

    async def execute(self, call: Call) -> Any:
        """Return the answer to a call; for a `BodyCall` the whole body.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        if isinstance(call, BodyCall):
            return await self._whole(call)
        return await (self._interactive if retry_policy_for(call) is INTERACTIVE_RETRIES else self._patient)(call)

    def executor_for_threads(self) -> Callable[[Call], Any]:
        """Return a function that makes a call from another thread; see `objects_for_threads`."""
        loop = asyncio.get_running_loop()
        return lambda call: asyncio.run_coroutine_threadsafe(self.execute(call), loop).result()

    def objects_for_threads(self) -> S3Objects:
        """Return the objects of S3, to be read from another thread.

        The event loop, which has to be running, makes the calls; the other thread waits for them.
        The wait is bounded: each call, and each read, has its own time limits and tries.
        """
        loop = asyncio.get_running_loop()
        return S3Objects(self.executor_for_threads(), lambda body: _LoopBody(body, loop))

    def boto3_client(self, service: str) -> Any:
        """Return a sync client of boto3 with the default credentials, for libraries that make calls of their own."""
        import boto3  # noqa: PLC0415 - slow to import; few need it

        return boto3.client(
            service, region_name=resolve_region(self._own_session(), self._region), endpoint_url=self._endpoint_url
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()
        self._clients.clear()

    async def _once(self, call: Call) -> Any:
        with translate_errors(call):
            return await getattr(await self._client(call.service), call.operation)(**call.client_params())

    async def _once_whole(self, call: Call) -> bytes:
        with translate_errors(call):
            answer = await getattr(await self._client(call.service), call.operation)(**call.client_params())
            async with answer["Body"] as body:
                data: bytes = await body.read()
                return data

    async def _client(self, service: str) -> Any:
        # A call whose client exists must not wait for the client of another service to be made.
        client = self._clients.get(service)
        return await self._made(service) if client is None else client

    async def _made(self, service: str) -> Any:
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
                    client = await self._exit.enter_async_context(made)
                self._clients[service] = client
            return self._clients[service]

    def _own_session(self) -> Any:
        if self._session is None:
            try:
                import aioboto3  # noqa: PLC0415 - it comes with the extra [async]
            except ImportError as exc:
                raise ConfigurationError("the async client needs the extra [async]: install tailrace[async]") from exc
            self._session = aioboto3.Session(region_name=self._region)
        return self._session


class _LoopBody:
    """A streaming body of aioboto3, read from another thread than the loop's."""

    def __init__(self, body: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._body = body
        self._loop = loop

    def read(self, size: int, /) -> bytes:
        data: bytes = asyncio.run_coroutine_threadsafe(self._body.read(size), self._loop).result()
        return data

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._body.close)
