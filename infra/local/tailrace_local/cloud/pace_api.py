"""`/_tailrace/pace`.

The pace of alarms' periods and scaling's cooldowns, read and changed while the cloud is up.
"""

from __future__ import annotations

import json
from typing import Any

from tailrace_local.emulator_base.asgi import Receive, Scope, Send, send_json
from tailrace_local.emulator_base.pace import Pace

PATH = "/_tailrace/pace"
_LIMIT_BYTES = 4096


class PaceApi:
    """`GET` and `PUT` of `{"time_scale": 0.02}`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def handles(self, scope: Scope) -> bool:
        """Return whether the path is this API's."""
        return scope.get("type") == "http" and str(scope.get("path")) == PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        message = await receive()
        status, content = self._answer(str(scope["method"]), message.get("body", b"")[:_LIMIT_BYTES])
        await send_json(send, content, status=status)

    def _answer(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if method not in {"GET", "PUT"}:
            return 405, {"message": f"{method} {PATH} is not possible: send GET or PUT"}
        if method == "PUT":
            try:
                self._pace.time_scale = float(json.loads(body)["time_scale"])
            except (ValueError, KeyError, TypeError) as error:
                return 400, {"message": f'The pace is not valid, send {{"time_scale": 0.02}} or the like: {error}'}
        return 200, {"time_scale": self._pace.time_scale}
