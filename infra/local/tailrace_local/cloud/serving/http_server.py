"""The HTTP server in front of everything: uvicorn, whose parser is compiled."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
from asyncio import constants
from collections.abc import Iterator
from typing import Any

from tailrace_local.cloud.services import App
from tailrace_local.cloud.serving.listeners import Listeners

_KEEP_ALIVE_S = 75
_GRACE_S = 1
_FAREWELL_S = 0.5


class UvicornServer:
    """One server for each socket, over the same application. Signals are left to whoever runs it."""

    def __init__(self, app: App, listeners: Listeners) -> None:
        self._uvicorn: Any = importlib.import_module("uvicorn")
        self._sockets = [listeners.plain]
        # The application is told of start and end once, by the first.
        self._servers = [self._server(app, lifespan="on")]
        if listeners.secure and listeners.certificate:
            certificate = listeners.certificate
            # Clients close connections without TLS's farewell; asyncio would wait half a minute for it, at the end too.
            constants.SSL_SHUTDOWN_TIMEOUT = _FAREWELL_S
            files = {"ssl_certfile": str(certificate.server), "ssl_keyfile": str(certificate.key)}
            self._servers.append(self._server(app, lifespan="off", **files))
            self._sockets.append(listeners.secure)

    async def serve(self) -> None:
        """Answer requests until `stop`."""
        async with asyncio.TaskGroup() as group:
            for server, listener in zip(self._servers, self._sockets, strict=True):
                group.create_task(self._serve(server, listener))

    def stop(self) -> None:
        """Take no more requests; those that are under way have a second."""
        for server in self._servers:
            server.should_exit = True

    async def _serve(self, server: Any, listener: socket.socket) -> None:
        await server.serve(sockets=[listener])

    def _server(self, app: App, **settings: Any) -> Any:
        config = self._uvicorn.Config(
            app,
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
        server = self._uvicorn.Server(config)
        server.capture_signals = _no_signals
        return server


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    yield
