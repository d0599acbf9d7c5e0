"""ASGI's types, headers as a dictionary, and the small requests and answers of JSON APIs."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}


async def read_whole_body(receive: Receive, limit_bytes: int | None = None) -> bytes:
    """Read a request's body. Reading stops with the first message beyond the limit."""
    body, more = b"", True
    while more and (limit_bytes is None or len(body) <= limit_bytes):
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def send_json(send: Send, content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
    """Send a JSON answer."""
    payload = json.dumps(content).encode()
    lines = {"content-type": "application/json", **(headers or {}), "content-length": str(len(payload))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": payload})
