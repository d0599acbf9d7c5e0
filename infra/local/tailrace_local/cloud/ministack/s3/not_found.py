"""S3's answer about a missing object: 403 instead of 404 for a caller without s3:ListBucket.

S3 checks s3:ListBucket with the key as the prefix. Source: AWS's "GetObject", permissions; Ceph
does the same (ceph/ceph#68577) to match it. MiniStack always answers 404: delete this middleware
when MiniStack checks the permission.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from tailrace_local.cloud.iam.enforcement import PolicyEvaluator
from tailrace_local.emulator_base.asgi import App, Message, Receive, Scope, Send

_FOR_S3 = re.compile(rb"Credential=[^/]+/\d+/[^/]+/s3/aws4_request")
_NOT_FOUND, _FORBIDDEN = 404, 403
_REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)


class HideMissingObjects:
    """ASGI middleware that turns S3's 404 into a 403 for callers without s3:ListBucket."""

    def __init__(self, app: App, policies: PolicyEvaluator) -> None:
        self._app = app
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on. Only the answer may change."""
        bucket, _, key = str(scope.get("path", "")).removeprefix("/").partition("/")
        if key and scope.get("method") in {"GET", "HEAD"} and _signed_for_s3(scope):
            body = _REFUSED if scope["method"] == "GET" else b""
            send = _Rewritten(send, lambda: self._refused(scope, bucket, unquote(key)), body)
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope, bucket: str, key: str) -> bool:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        context = {"s3:prefix": key}
        return self._policies.refusal(scope, query, b"", "s3:ListBucket", f"arn:aws:s3:::{bucket}", context) is not None


class _Rewritten:
    """Sends an answer, or another one in its place."""

    def __init__(self, send: Send, refused: Callable[[], bool], body: bytes) -> None:
        self._send = send
        self._refused = refused
        self._body = body
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND and self._refused():
            self._replaced = True
            headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(self._body)).encode())]
            await self._send({**message, "status": _FORBIDDEN, "headers": headers})
        elif not self._replaced:
            await self._send(message)
        elif not message.get("more_body"):
            await self._send({"type": "http.response.body", "body": self._body})


def _signed_for_s3(scope: Scope) -> bool:
    return any(name.lower() == b"authorization" and _FOR_S3.search(value) for name, value in scope.get("headers", ()))
