"""The guard in front of every ASGI listener: requests of foreign web pages, and changes by anybody.

`tailrace_local.loopback` decides by the headers that browsers set. Paths that belong to no AWS
service change the emulators themselves; they need a token that only the owner's programs can read.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection

from tailrace_local.emulator_base.asgi import App, Message, Receive, Scope, Send, send_json
from tailrace_local.loopback import own_origins, refusal

TOKEN_HEADER = "x-tailrace-token"  # noqa: S105 - a name

_OURS = "/_tailrace/"
_EMULATORS = ("/_ministack/", "/_localstack/")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Answers to these reveal and change nothing, or their URLs end with a secret of their own.
_OPEN = frozenset({"/_ministack/health", "/_ministack/ready", "/_localstack/health"})
_ONE_TIME = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
_CORS = b"access-control-"
_PREFLIGHT_S = b"600"


class LoopbackGuard:
    """An ASGI application in front of another one.

    Args:
        app: The application.
        token: The token for changes; with None, nothing can be changed.
        allowed_origins: The origins whose pages may send requests, and read the answers.
    """

    def __init__(self, app: App, *, token: str | None, allowed_origins: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._allowed = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request with 403, or pass it on without the CORS headers of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origins, sites = _values(scope, b"origin"), _values(scope, b"sec-fetch-site")
        port = int(scope["server"][1])
        why = refusal(_values(scope, b"host"), origins, sites, port=port, allowed=self._allowed)
        why = why or self._unauthorized(scope)
        if why is not None:
            await send_json(send, {"__type": "AccessDeniedException", "message": f"Refused: {why}."}, status=403)
            return
        granted = next((origin for origin in origins if origin not in own_origins(port)), None)
        if granted is not None and scope["method"] == "OPTIONS":
            await _allow(scope, send, granted)
            return
        await self._app(scope, receive, _answering(send, granted, browser=bool(sites)))

    def _unauthorized(self, scope: Scope) -> str | None:
        path = str(scope["path"])
        # Servers decide by the decoded path, however often a slash is repeated.
        path = "/" + path.lstrip("/")
        if path.startswith(_OURS):
            free = scope["method"] in _READS
        elif path.startswith(_EMULATORS):
            free = path in _OPEN or path.startswith(_ONE_TIME)
        else:
            free = True
        given = _values(scope, TOKEN_HEADER.encode())
        if free or (self._token is not None and len(given) == 1 and hmac.compare_digest(given[0], self._token)):
            return None
        return (
            f"{scope['method']} {path} needs the header {TOKEN_HEADER} with the token in the file `token` of the "
            "state directory"
        )


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in scope.get("headers", ()) if found.lower() == name]


def _answering(send: Send, granted: str | None, *, browser: bool) -> Send:
    """Return `send` with our CORS headers in place of the application's.

    A browser also gets a sandbox for the page: a document in a bucket must not act as this origin.
    """

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if not pair[0].lower().startswith(_CORS)]
            if granted is not None:
                headers += [*_cors(granted), (b"access-control-expose-headers", b"*")]
            if browser:
                headers += [(b"content-security-policy", b"sandbox"), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": headers}
        await send(message)

    return answer


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]


async def _allow(scope: Scope, send: Send, origin: str) -> None:
    """Answer the preflight of an allowed origin."""
    method, *_ = _values(scope, b"access-control-request-method") or ["GET"]
    names, *_ = _values(scope, b"access-control-request-headers") or [""]
    headers = [
        *_cors(origin),
        (b"access-control-allow-methods", method.encode("latin-1")),
        (b"access-control-allow-headers", names.encode("latin-1")),
        (b"access-control-max-age", _PREFLIGHT_S),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
