"""The guard before every ASGI listener."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tailrace_local.emulator_base.asgi import Message, Receive, Scope, Send
from tailrace_local.emulator_base.loopback_guard import TOKEN_HEADER, LoopbackGuard

TOKEN = "t0k3n"
PAGE = "http://localhost:3000"


async def _app(_: Scope, __: Receive, send: Send) -> None:
    """Answer like MiniStack: everybody may read the answer."""
    headers = [(b"Access-Control-Allow-Origin", b"*"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def ask(
    method: str = "GET", path: str = "/", headers: dict[str, str] | None = None, token: str | None = TOKEN
) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of the answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:4566", **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "server": ("127.0.0.1", 4566),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    guard = LoopbackGuard(_app, token=token, allowed_origins=[PAGE])
    asyncio.run(guard(scope, receive, send))
    return int(sent[0]["status"]), {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


def test_a_program_gets_the_answer_without_cors_headers() -> None:
    status, headers = ask("POST")
    assert status == 200
    assert headers == {"content-length": "2"}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:4566"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_is_refused_and_learns_nothing(method: str, headers: dict[str, str]) -> None:
    status, answered = ask(method, headers=headers)
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control-")]


def test_an_allowed_page_may_read_answers_and_sends_a_preflight() -> None:
    status, headers = ask("POST", headers={"origin": PAGE, "sec-fetch-site": "same-site"})
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, PAGE, "Origin")
    wanted = {"access-control-request-method": "PUT", "access-control-request-headers": "x-amz-date"}
    status, headers = ask("OPTIONS", headers={"origin": PAGE, **wanted})
    assert status == 204
    assert headers["access-control-allow-methods"] == "PUT"
    assert headers["access-control-allow-headers"] == "x-amz-date"


def test_an_allowed_page_needs_the_token_like_everybody() -> None:
    assert ask("PUT", "/_tailrace/pace", {"origin": PAGE})[0] == 403


def test_what_a_browser_shows_is_sandboxed() -> None:
    headers = ask(headers={"sec-fetch-site": "none"})[1]
    assert headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/_tailrace/pace"), ("POST", "/_tailrace/sagemaker/endpoints/a/kill"),
        ("DELETE", "/_tailrace/functions/faults"),
        ("POST", "//_tailrace/pace"), ("POST", "/_ministack/reset"), ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"), ("POST", "/_localstack/state/reset"),
    ],
)  # fmt: skip
def test_what_changes_the_emulators_needs_the_token(method: str, path: str) -> None:
    assert ask(method, path)[0] == 403
    assert ask(method, path, {TOKEN_HEADER: "wrong"})[0] == 403
    assert ask(method, path, {TOKEN_HEADER: TOKEN})[0] == 200
    assert ask(method, path, {TOKEN_HEADER: ""}, token=None)[0] == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_tailrace/status"),
        ("GET", "/_ministack/health"),
        ("PUT", "/_ministack/cfn-response/secret"),
        ("PUT", "/bucket/key"),
    ],
)
def test_other_requests_need_no_token(method: str, path: str) -> None:
    assert ask(method, path)[0] == 200
