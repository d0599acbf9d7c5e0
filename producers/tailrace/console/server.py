"""The console's server: a listener on the loopback address."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.applications import Starlette

from tailrace.console.actions import ConsoleClient
from tailrace.console.application import console_application
from tailrace.console.guard import HOST, Session
from tailrace.console.sampler import LiveSnapshots

_GRACE_S = 1


class _Server(uvicorn.Server):
    """A server that says when it listens, and ends the streams of live pages when it stops."""

    def __init__(self, config: uvicorn.Config, application: Starlette) -> None:
        super().__init__(config)
        self._application = application
        self.on_listening: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen; a stream would never end by itself."""
        await self._application.state.live.close()
        await super().shutdown(sockets)


class ConsoleServer:
    """Serves the console of one stack.

    Args:
        client: A client of the stack, with the operator's credentials.
        port: The port; 0 for a random free one.
        write: Whether it may also redrive, discard, edit and cancel.
        options: Options that lead a command to the stack; by default ``--stack`` and its name.
        now: Seconds since the epoch.
        sleep: Waits for so many seconds between two samples.
    """

    def __init__(
        self,
        client: ConsoleClient,
        *,
        port: int = 0,
        write: bool = False,
        options: str = "",
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._listener = socket.create_server((HOST, port))
        self.session = Session(self._listener.getsockname()[1])
        self._application = console_application(
            client, self.session, write=write, options=options, now=now, sleep=sleep
        )
        config = uvicorn.Config(
            self._application,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            ws="none",
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config, self._application)

    def run(self, on_listening: Callable[[str], None]) -> None:
        """Serve until a signal or `stop`.

        ``on_listening`` gets the address to open, with the one-time token.
        """
        self._server.on_listening = lambda: on_listening(self.session.url)
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()

    @property
    def listeners(self) -> int:
        """Number of tabs that listen."""
        live: LiveSnapshots = self._application.state.live
        return live.listeners

    def stop(self) -> None:
        """Have `run` return, from any thread."""
        self._server.should_exit = True
