"""The guard in front of the console: the requests that come in, and the headers of the answers.

In this order: a foreign ``Host`` gets 400 (a name that an attacker rebound to the loopback
address), a request of another site's page 403, one without the session's cookie 401. The one-time
token of the printed address buys the cookie, once. A POST needs our ``Origin`` and, in its form,
the session's form token.

`tailrace_local.loopback` has the same rule for the local cloud's listeners, which run in an
environment without this package (docs/decisions/0111-a-console-on-the-loopback-address.md).
"""

from __future__ import annotations

import hmac
import secrets
import threading

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
TOKEN = "token"  # noqa: S105 - the name of a parameter
_READS = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"none", "same-origin"})
_BYTES = 32
_AGAIN = "start `tailrace console` again and open the address that it prints"


class Session:
    """The secrets of one run of the console on ``port``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = secrets.token_urlsafe(_BYTES)
        self.form_token = secrets.token_urlsafe(_BYTES)
        self._secret = secrets.token_urlsafe(_BYTES)
        self._lock = threading.Lock()
        self._used = False

    @property
    def origin(self) -> str:
        """The console's origin."""
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """The address to open, with the one-time token."""
        return f"{self.origin}/?{TOKEN}={self.token}"

    @property
    def cookie_name(self) -> str:
        """Name of the cookie: browsers send cookies to all ports of a host."""
        return f"tailrace-console-{self.port}"

    def redeem(self, token: str) -> str | None:
        """Return the cookie's value for the one-time token; None if it is wrong or was used."""
        with self._lock:
            if self._used or not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            self._used = True
            return self._secret

    def holds(self, cookie: str | None) -> bool:
        """Return whether a cookie is the session's."""
        return cookie is not None and hmac.compare_digest(cookie.encode(), self._secret.encode())

    def accepts_form(self, token: str) -> bool:
        """Return whether a form came from one of our pages."""
        return hmac.compare_digest(token.encode(), self.form_token.encode())


class ConsoleGuard:
    """An ASGI application in front of the console's."""

    def __init__(self, app: ASGIApp, *, session: Session) -> None:
        self._app = app
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not come in, or pass it on; add headers that bind browsers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        answer = self._answer(HTTPConnection(scope), str(scope["method"]))

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_headers(nonce))
            await send(message)

        await (answer or self._app)(scope, receive, guarded)

    def _answer(self, request: HTTPConnection, method: str) -> Response | None:
        session, headers = self._session, request.headers
        if headers.getlist("host") != [f"{HOST}:{session.port}"]:
            return PlainTextResponse(f"this console answers to {HOST}:{session.port} only", 400)
        if _foreign(headers, session.origin, method):
            return PlainTextResponse("a page of another site sent this request", 403)
        token = request.query_params.get(TOKEN)
        if token is not None and method == "GET":
            value = session.redeem(token)
            if value is not None:
                answer = RedirectResponse("/", 303)
                answer.set_cookie(session.cookie_name, value, httponly=True, samesite="strict", path="/")
                return answer
        if not session.holds(request.cookies.get(session.cookie_name)):
            why = "this address was used before" if token is not None else "this browser has no session"
            return PlainTextResponse(f"{why}: {_AGAIN}", 401)
        return None


def _foreign(headers: Headers, origin: str, method: str) -> bool:
    """Return whether another site's page sent the request, by the headers that browsers set."""
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if any(each != origin for each in origins) or any(each not in _OWN_SITES for each in sites):
        return True
    return method not in _READS and not origins


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "cache-control": "no-store",
        "content-security-policy": "; ".join(policy),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        # Not `no-referrer`: with it, browsers send `Origin: null` for our own forms.
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
