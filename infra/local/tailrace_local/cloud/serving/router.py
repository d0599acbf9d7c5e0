"""One port for everything: the emulator's requests, the cloud's own status, and MiniStack for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.services import App, Receive, Scope, Send, Service

STATUS_PATH = "/_tailrace/status"


class Router:
    """The ASGI application that the server runs."""

    def __init__(self, ministack: App, emulator: Service, status: Callable[[], dict[str, Any]]) -> None:
        self._ministack = ministack
        self._emulator = emulator
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection to whom it is for."""
        if scope["type"] == "http" and scope["path"] == STATUS_PATH:
            await _answer(send, self._status())
        elif scope["type"] == "http" and self._emulator.handles(scope):
            await self._emulator(scope, receive, send)
        else:
            await self._ministack(scope, receive, send)


async def _answer(send: Send, content: dict[str, Any]) -> None:
    payload = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": payload})
