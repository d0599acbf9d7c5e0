"""`/_tailrace/functions/faults`: the functions' fault plan over HTTP, in front of another service."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from tailrace_local.cloud.functions.fault_injection.controller import FaultController
from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.cloud.services import Receive, Scope, Send, Service

PATH = "/_tailrace/functions/faults"
_LIMIT_BYTES = 1 << 20


class FaultApi:
    """`GET`, `PUT`, `DELETE` for the plan and its counters, `GET …/log` for what was done to whom."""

    def __init__(self, faults: FaultController, behind: Service) -> None:
        self._faults = faults
        self._behind = behind

    def handles(self, scope: Scope) -> bool:
        """Whether it is for this surface or for what is behind it."""
        return self._is_ours(scope) or self._behind.handles(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not self._is_ours(scope):
            await self._behind(scope, receive, send)
            return
        status, content = self._answer(str(scope["method"]), str(scope["path"]), await _read(receive))
        payload = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        match method, path.removeprefix(PATH):
            case "GET", "/log":
                return 200, {"log": self._faults.log()}
            case "PUT", "":
                try:
                    self._faults.set(FunctionFaultPlan.model_validate_json(body))
                except ValidationError as error:
                    return 400, {"message": f"The fault plan is not valid: {error}"}
            case "DELETE", "":
                self._faults.clear()
            case "GET", "":
                pass
            case _:
                return 405, {"message": f"{method} {path}: not possible here"}
        return 200, self._faults.shown()

    @staticmethod
    def _is_ours(scope: Scope) -> bool:
        return scope.get("type") == "http" and str(scope.get("path")) in {PATH, f"{PATH}/log"}


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= _LIMIT_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
