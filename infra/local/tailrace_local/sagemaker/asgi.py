"""Helpers for ASGI: read a complete request, send a complete response."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tailrace_local.emulator_base.asgi import Receive, Send
from tailrace_local.sagemaker.errors import ApiError, ModelError
from tailrace_local.sagemaker.messages.payload import BLOCK_BYTES, Payload

JSON_1_1 = "application/x-amz-json-1.1"


async def read_body(receive: Receive, into: Payload, limit_bytes: int) -> None:
    """Write the request's body to `into`.

    Raises ApiError if it is too large or the client disconnects.
    """
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError("ValidationException", "The client closed the connection before its request was complete.")
        into.write(message.get("body", b""))
        if into.size_bytes > limit_bytes:
            raise ApiError("ValidationError", f"Request size exceeded the limit of {limit_bytes} bytes.", 413)
        more = message.get("more_body", False)


async def read_json(receive: Receive, limit_bytes: int = 4 << 20, spool_dir: Path | None = None) -> Any:
    """Read the request's body as JSON; an empty body is an empty object. Raises ApiError."""
    with Payload(spool_dir) as body:
        await read_body(receive, body, limit_bytes)
        raw = body.read()
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        raise ApiError("SerializationException", "The request is not JSON.") from None


@dataclass(frozen=True)
class Response:
    """A response whose body is bytes, or a payload that is closed after sending."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Payload = b""

    @classmethod
    def json(
        cls, value: Any, *, status: int = 200, kind: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> "Response":
        """Make a JSON response of the content type `kind`."""
        return cls(status, {"content-type": kind, **(headers or {})}, json.dumps(value).encode())

    async def send(self, send: Send, request_id: str) -> None:
        """Send the response."""
        size = len(self.body) if isinstance(self.body, bytes) else self.body.size_bytes
        headers = {**self.headers, "content-length": str(size), "x-amzn-requestid": request_id}
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        for block in _blocks(self.body):
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if isinstance(self.body, Payload):
            self.body.close()


class AbortedResponse(Response):
    """A response that breaks off the connection after the first half of its body.

    The caller does not know if its request was accepted.
    """

    async def send(self, send: Send, request_id: str) -> None:
        """Announce the whole body and end before it does: the server then closes the connection."""
        del request_id
        whole = self.body if isinstance(self.body, bytes) else self.body.read()
        headers = {**self.headers, "content-length": str(max(1, len(whole)))}
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        if part := whole[: len(whole) // 2]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if isinstance(self.body, Payload):
            self.body.close()


def refusal_response(error: ApiError, *, control: bool) -> Response:
    """Make the response for an error, in the protocol of the control plane or of the runtime."""
    if control:
        return Response.json({"__type": error.code, "message": error.message}, status=error.status, kind=JSON_1_1)
    # A throttled call at a serverless endpoint has no message.
    body: dict[str, object] = {"Message": error.message or None, "message": error.message or None}
    if isinstance(error, ModelError):
        body |= {
            "OriginalStatusCode": error.original_status,
            "OriginalMessage": error.original_message,
            "LogStreamArn": error.log_stream_arn,
        }
    return Response.json(body, status=error.status, headers={"x-amzn-errortype": error.code})


def _blocks(body: bytes | Payload) -> Iterable[bytes]:
    if isinstance(body, Payload):
        return body.blocks()
    return (body[start : start + BLOCK_BYTES] for start in range(0, len(body), BLOCK_BYTES))
