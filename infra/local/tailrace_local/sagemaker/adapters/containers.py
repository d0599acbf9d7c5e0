"""HTTP client of model servers: one connection for each call, bodies streamed both ways."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from http.client import parse_headers
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailrace_local.sagemaker.errors import NoResponseError
from tailrace_local.sagemaker.messages.payload import BLOCK_BYTES, Payload
from tailrace_local.sagemaker.ports import ModelResponse

_PING_TIMEOUT_S = 2.0
_MAX_HEAD_BYTES = 64 * 1024
_BODILESS = {204, 304}
_CONTINUE = 100
_OK = 200


class HttpModelClient:
    """Calls model servers by the container contract, over asyncio streams.

    Only /ping has a timeout here; the engine applies the timeout of an invocation.
    """

    def __init__(self, spool_dir: Path | None = None, limit_bytes: int = 1 << 30) -> None:
        self._spool_dir = spool_dir
        self._limit_bytes = limit_bytes

    async def ping(self, url: str) -> bool:
        """True if `GET /ping` answers 200 within two seconds."""
        try:
            async with asyncio.timeout(_PING_TIMEOUT_S):
                answer = await self._exchange(url, "GET", "/ping", {}, None)
        except (NoResponseError, TimeoutError):
            return False
        answer.body.close()
        return answer.status == _OK

    async def invoke(self, url: str, headers: Mapping[str, str], body: Payload) -> ModelResponse:
        """Send `POST /invocations`. Raises NoResponseError."""
        return await self._exchange(url, "POST", "/invocations", headers, body)

    async def execution_parameters(self, url: str) -> Mapping[str, Any]:
        """Return the answer to `GET /execution-parameters`; nothing if the server has none."""
        try:
            async with asyncio.timeout(_PING_TIMEOUT_S):
                answer = await self._exchange(url, "GET", "/execution-parameters", {}, None)
        except (NoResponseError, TimeoutError):
            return {}
        with answer.body as body:
            raw = body.read()
        try:
            found = json.loads(raw) if answer.status == _OK else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    async def _exchange(
        self, url: str, method: str, path: str, headers: Mapping[str, str], body: Payload | None
    ) -> ModelResponse:
        parts = urlsplit(url)
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=_MAX_HEAD_BYTES)
        except OSError as error:
            raise NoResponseError(f"{url}{path}: {error}", connected=False) from error
        try:
            return await self._ask(reader, writer, _head(method, path, parts.netloc, headers, body), body)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoResponseError(f"{url}{path}: no complete response: {error!r}", connected=True) from error
        finally:
            writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: Payload | None
    ) -> ModelResponse:
        sending = asyncio.ensure_future(_send(writer, head, body))
        try:
            return await self._receive(reader)
        finally:
            # A server may answer before it has read the whole body, such as when it refuses a large
            # one.
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _receive(self, reader: asyncio.StreamReader) -> ModelResponse:
        status, headers, head_bytes = await _read_head(reader)
        body = Payload(self._spool_dir, headers.get("content-type"))
        try:
            async for block in _body_blocks(reader, status, headers):
                body.write(block)
                self._check(body.size_bytes)
        except BaseException:
            body.close()
            raise
        return ModelResponse(status, body, headers, head_bytes)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise ValueError(f"the response is larger than {self._limit_bytes} bytes")


def _head(method: str, path: str, host: str, headers: Mapping[str, str], body: Payload | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    if body is not None:
        lines.append(f"Content-Length: {body.size_bytes}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _send(writer: asyncio.StreamWriter, head: bytes, body: Payload | None) -> None:
    writer.write(head)
    for block in body.blocks() if body else ():
        writer.write(block)
        await writer.drain()
    await writer.drain()


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], int]:
    status = _CONTINUE
    headers: dict[str, str] = {}
    size = 0
    while status == _CONTINUE:
        line, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        version, _, after = line.decode("latin-1").partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(f"not HTTP: {line[:40]!r}")
        status = int(after[:3])
        headers = {name.lower(): value for name, value in parse_headers(io.BytesIO(rest)).items()}
        size = len(rest.removesuffix(b"\r\n"))
    return status, headers, size


async def _body_blocks(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    if status in _BODILESS:
        return
    if "chunked" in headers.get("transfer-encoding", "").lower():
        async with contextlib.aclosing(_chunks(reader)) as blocks:
            async for block in blocks:
                yield block
    elif "content-length" in headers:
        async with contextlib.aclosing(_exactly(reader, int(headers["content-length"]))) as blocks:
            async for block in blocks:
                yield block
    else:
        while block := await reader.read(BLOCK_BYTES):
            yield block


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncGenerator[bytes, None]:
    while size > 0:
        block = await reader.read(min(size, BLOCK_BYTES))
        if not block:
            raise EOFError(f"closed with {size} bytes of the body to come")
        size -= len(block)
        yield block


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        async for block in _exactly(reader, size):
            yield block
        await reader.readexactly(2)
    while (await reader.readuntil(b"\r\n")) != b"\r\n":
        pass  # trailers
