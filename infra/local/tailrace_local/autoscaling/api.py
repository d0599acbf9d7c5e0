"""Application Auto Scaling's JSON protocol, as an ASGI application."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tailrace_local.emulator_base.asgi import Receive, Scope, Send, headers_of
from tailrace_local.emulator_base.errors import ApiError
from tailrace_local.emulator_base.shapes import validate
from tailrace_local.sagemaker.asgi import Response, read_json

SERVICE = "application-autoscaling"
_TARGET = "AnyScaleFrontendService."
_JSON = "application/x-amz-json-1.1"

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]


class ScalingApi:
    """Answers signed requests of `application-autoscaling`."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    def handles(self, scope: Scope) -> bool:
        """Return whether a request is for this service."""
        return headers_of(scope).get("x-amz-target", "").startswith(_TARGET)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = headers_of(scope)["x-amz-target"].removeprefix(_TARGET)
        try:
            request = await read_json(receive)
            # Operations call other services of the same server, whose event loop has to stay free.
            answer = Response.json(await asyncio.to_thread(self.call, name, request), kind=_JSON)
        except ApiError as error:
            content = {"__type": error.code, "message": error.message, "Message": error.message}
            answer = Response.json(content, status=error.status, kind=_JSON)
        await answer.send(send, str(uuid.uuid4()))

    def call(self, name: str, request: Any) -> dict[str, Any]:
        """Carry out one operation on an unvalidated request.

        Raises:
            ApiError: the request is not valid, or the operation is not emulated.
        """
        operation = self._operations.get(name)
        if operation is None:
            raise ApiError("UnknownOperationException", f"{SERVICE}:{name} is not emulated.")
        return operation(validate(name, request, service=SERVICE))
