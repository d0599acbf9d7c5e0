"""A small HTTP/1.1 server for an emulator on its own: keep-alive, Content-Length and chunked bodies."""

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator
from http import HTTPStatus
from http.client import HTTPMessage, parse_headers
from typing import Any, Protocol
from urllib.parse import unquote

from tailrace_local.emulation.asgi import Message, Receive, Scope, Send

_BLOCK_BYTES = 256 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)


class Served(Protocol):
    """An ASGI application that says what it answers, and works by itself from `start` to `stop`."""

    def handles(self, scope: Scope) -> bool:
        """Whether a request is for it."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    async def start(self) -> None:
        """Start what it does by itself."""
        ...

    async def stop(self) -> None:
        """Stop it."""
        ...


class HttpServer:
    """Serves an emulator on `host:port`; port 0 takes a free one."""

    def __init__(self, emulator: Served, host: str = "127.0.0.1", port: int = 0) -> None:
        self._emulator = emulator
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Start the emulator, then listen."""
        await self._emulator.start()
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=_MAX_HEAD_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more, then stop the emulator and what it runs."""
        if self._server:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._emulator.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            while await self._exchange(reader, writer):
                pass
        except (*_BROKEN, asyncio.CancelledError):
            pass  # the client left, spoke no HTTP, or the server stops
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        method, target, version = line.decode("latin-1").split(" ")
        headers = parse_headers(io.BytesIO(rest))
        if headers.get("Expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _body(reader, headers)
        exchange = _Exchange(body, writer)
        scope = _scope(method, target, headers)
        if self._emulator.handles(scope):
            await self._emulator(scope, exchange.receive, exchange.send)
        else:
            await exchange.refuse()
        async for _ in body:
            pass  # what the emulator did not want stands before the next request
        return exchange.whole and version == "HTTP/1.1" and headers.get("Connection", "").lower() != "close"


class _Exchange:
    """ASGI's receive and send for one request."""

    def __init__(self, body: AsyncGenerator[bytes, None], writer: asyncio.StreamWriter) -> None:
        self._body = body
        self._writer = writer
        self.whole = False

    async def receive(self) -> Message:
        block = await anext(self._body, b"")
        return {"type": "http.request", "body": block, "more_body": bool(block)}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            status = HTTPStatus(message["status"])
            head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
            head += [name + b": " + value for name, value in message["headers"]]
            self._writer.write(b"\r\n".join([*head, b"", b""]))
        else:
            self._writer.write(message["body"])
            self.whole = not message.get("more_body", False)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def refuse(self) -> None:
        text = b"This server does not emulate that service; use another endpoint URL for it.\n"
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
        await self.send({"type": "http.response.start", "status": 404, "headers": headers})
        await self.send({"type": "http.response.body", "body": text})


def _scope(method: str, target: str, headers: HTTPMessage) -> Scope:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }


async def _body(reader: asyncio.StreamReader, headers: HTTPMessage) -> AsyncGenerator[bytes, None]:
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        while (await reader.readuntil(b"\r\n")) != b"\r\n":
            pass  # trailers
        return
    left = int(headers.get("Content-Length", "0"))
    while left > 0:
        block = await reader.read(min(left, _BLOCK_BYTES))
        if not block:
            raise EOFError("the client closed before its body was whole")
        left -= len(block)
        yield block
