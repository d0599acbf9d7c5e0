"""The HTTP server in front of everything: uvicorn on each socket, over the same application."""

from __future__ import annotations

import asyncio
from asyncio import constants
from collections.abc import Collection
from typing import Any

from tailrace_local.cloud.serving.listeners import Listeners
from tailrace_local.emulator_base.asgi import App
from tailrace_local.emulator_base.http_server import UvicornServer

_TLS_SHUTDOWN_S = 0.5


class CloudServer:
    """One server for each socket. Only the first one sends the application its start and end."""

    def __init__(self, app: App, listeners: Listeners, *, token: str, allowed_origins: Collection[str] = ()) -> None:
        guard: dict[str, Any] = {"token": token, "allowed_origins": allowed_origins}
        self._servers = {listeners.plain: UvicornServer(app, lifespan="on", **guard)}
        if listeners.secure and listeners.certificate:
            certificate = listeners.certificate
            # Clients close connections without TLS's close_notify; asyncio would wait 30 s for
            # each, also at the end.
            constants.SSL_SHUTDOWN_TIMEOUT = _TLS_SHUTDOWN_S
            self._servers[listeners.secure] = UvicornServer(
                app, lifespan="off", ssl_certfile=str(certificate.server), ssl_keyfile=str(certificate.key), **guard
            )

    async def serve(self) -> None:
        """Answer requests until `stop`."""
        async with asyncio.TaskGroup() as group:
            for listener, server in self._servers.items():
                group.create_task(server.serve(sockets=[listener]))

    def stop(self) -> None:
        """Take no more requests; those in progress have one second."""
        for server in self._servers.values():
            server.should_exit = True
