"""uvicorn as every emulator here runs it, and a server for one emulator on its own."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Collection, Iterator
from typing import Any, Protocol

import uvicorn

from tailrace_local.emulator_base.asgi import App, Receive, Scope, Send
from tailrace_local.emulator_base.loopback_guard import LoopbackGuard

_KEEP_ALIVE_S = 75
_GRACE_S = 1
_POLL_S = 0.005
_REFUSAL = b"This server does not emulate that service; use another endpoint URL for it.\n"


class UvicornServer(uvicorn.Server):
    """A uvicorn server that leaves signals to its caller and answers without headers of its own.

    A stop gives the requests in progress one second. `LoopbackGuard` stands before the application.

    Args:
        app: an ASGI application.
        lifespan: "on" sends the application its start and end, "off" does not.
        token: the token for requests that change the emulators themselves.
        allowed_origins: the origins whose web pages may send requests.
        settings: further settings of `uvicorn.Config`, such as a certificate.
    """

    def __init__(
        self, app: App, *, lifespan: Any, token: str | None, allowed_origins: Collection[str] = (), **settings: Any
    ) -> None:
        config = uvicorn.Config(
            LoopbackGuard(app, token=token, allowed_origins=allowed_origins),
            interface="asgi3",
            lifespan=lifespan,
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            **settings,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


class AsgiEmulator(Protocol):
    """An ASGI application that knows which requests are its own and works in the background."""

    def handles(self, scope: Scope) -> bool:
        """True if the emulator answers this request."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...

    async def start(self) -> None:
        """Start the background work."""
        ...

    async def stop(self) -> None:
        """Stop the background work."""
        ...


class EmulatorServer:
    """Serves one emulator on `host:port`; port 0 takes a free one.

    `token` is for requests that change the emulator itself; without one, it makes one.
    """

    def __init__(
        self,
        emulator: AsgiEmulator,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | None = None,
        allowed_origins: Collection[str] = (),
    ) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self._emulator = emulator
        self._host = host
        self._port = port
        self._server = UvicornServer(self._answer, lifespan="off", token=self.token, allowed_origins=allowed_origins)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base URL; the port is known after `start`."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Start the emulator and return once the server takes requests.

        Raises OSError if the port is taken.
        """
        listener = bind(self._host, self._port)
        self._port = listener.getsockname()[1]
        await self._emulator.start()
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name=self.url)
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """Close the server, then stop the emulator and its model servers."""
        self._server.should_exit = True
        if self._serving:
            await asyncio.gather(self._serving, return_exceptions=True)
        await self._emulator.stop()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._emulator.handles(scope):
            await self._emulator(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_REFUSAL)).encode())]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": _REFUSAL})


def bind(host: str, port: int = 0) -> socket.socket:
    """Bind a TCP socket; port 0 takes a free one."""
    # With the protocol named, asyncio turns Nagle's algorithm off for accepted connections: a
    # response's head and body are two writes.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
