"""The router behind the cloud's port.

Emulators' requests, the cloud's own status, and MiniStack for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.services import Service
from tailrace_local.emulator_base.asgi import App, Receive, Scope, Send, send_json

STATUS_PATH = "/_tailrace/status"


class Router:
    """The ASGI application that the server runs."""

    def __init__(self, ministack: App, service: Service, status: Callable[[], dict[str, Any]]) -> None:
        self._ministack = ministack
        self._service = service
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection to its application."""
        if scope["type"] == "http" and scope["path"] == STATUS_PATH:
            await send_json(send, self._status())
        elif scope["type"] == "http" and self._service.handles(scope):
            await self._service(scope, receive, send)
        else:
            await self._ministack(scope, receive, send)
