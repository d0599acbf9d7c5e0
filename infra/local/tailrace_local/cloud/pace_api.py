"""`/_tailrace/pace`: how fast alarms' periods and scaling's cooldowns pass, read and changed while the cloud is up."""

from __future__ import annotations

import json
from typing import Any

from tailrace_local.cloud.services import Receive, Scope, Send
from tailrace_local.emulation.pace import Pace

PATH = "/_tailrace/pace"
_LIMIT_BYTES = 4096


class PaceApi:
    """`GET` and `PUT` of `{"time_scale": 0.02}`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def handles(self, scope: Scope) -> bool:
        """Whether it is for this surface."""
        return scope.get("type") == "http" and str(scope.get("path")) == PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        message = await receive()
        status, content = self._answer(str(scope["method"]), message.get("body", b"")[:_LIMIT_BYTES])
        payload = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    def _answer(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if method not in {"GET", "PUT"}:
            return 405, {"message": f"{method} {PATH}: not possible here"}
        if method == "PUT":
            try:
                self._pace.time_scale = float(json.loads(body)["time_scale"])
            except (ValueError, KeyError, TypeError) as error:
                return 400, {"message": f'The pace is {{"time_scale": 0.02}} or the like: {error}'}
        return 200, {"time_scale": self._pace.time_scale}
