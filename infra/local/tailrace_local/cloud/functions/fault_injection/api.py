"""The functions' fault plan over HTTP, at `/_tailrace/functions/faults`."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tailrace_local.cloud.functions.fault_injection.controller import FaultController
from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.cloud.services import Service
from tailrace_local.emulator_base.asgi import Receive, Scope, Send, read_whole_body, send_json

PATH = "/_tailrace/functions/faults"
_LIMIT_BYTES = 1 << 20


class FaultApi:
    """`GET`, `PUT` and `DELETE` of the plan and its counters.

    `GET …/log` of the faults that were injected.
    """

    def __init__(self, faults: FaultController, behind: Service) -> None:
        self._faults = faults
        self._behind = behind

    def handles(self, scope: Scope) -> bool:
        """Return whether the path is this API's, or one of the service behind it."""
        return self._is_ours(scope) or self._behind.handles(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not self._is_ours(scope):
            await self._behind(scope, receive, send)
            return
        body = await read_whole_body(receive, _LIMIT_BYTES)
        status, content = self._answer(str(scope["method"]), str(scope["path"]), body)
        await send_json(send, content, status=status)

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
                return 405, {"message": f"{method} {path} is not possible: send GET, PUT or DELETE to {PATH}"}
        return 200, self._faults.shown()

    @staticmethod
    def _is_ours(scope: Scope) -> bool:
        return scope.get("type") == "http" and str(scope.get("path")) in {PATH, f"{PATH}/log"}
