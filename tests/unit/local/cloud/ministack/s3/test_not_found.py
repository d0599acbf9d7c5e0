from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tailrace_local.cloud.ministack.s3.not_found import HideMissingObjects
from tailrace_local.emulator_base.asgi import Message, Receive, Scope, Send

SIGNED = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


class PolicyEvaluator:
    def __init__(self, *, allows: bool) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._allows = allows

    def refusal(
        self,
        scope: Scope,
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        del scope, query, body
        self.asked.append((action, resource, context))
        return None if self._allows else "no"


def ask(
    policies: PolicyEvaluator,
    *,
    status: int = 404,
    method: str = "GET",
    path: str = "/bucket/a/b%20c",
    service: str = "s3",
) -> tuple[int, bytes]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"No", "more_body": True})
        await send({"type": "http.response.body", "body": b"SuchKey"})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    headers = [(b"authorization", SIGNED.format(service=service).encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(HideMissingObjects(app, policies)(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_a_missing_object_is_forbidden_without_the_permission_to_list() -> None:
    policies = PolicyEvaluator(allows=False)
    status, body = ask(policies)
    assert status == 403
    assert b"AccessDenied" in body
    assert b"NoSuchKey" not in body
    assert policies.asked == [("s3:ListBucket", "arn:aws:s3:::bucket", {"s3:prefix": "a/b c"})]


def test_an_answer_to_head_has_no_body() -> None:
    assert ask(PolicyEvaluator(allows=False), method="HEAD") == (403, b"")


def test_a_missing_object_is_not_found_with_the_permission_to_list() -> None:
    assert ask(PolicyEvaluator(allows=True)) == (404, b"NoSuchKey")


@pytest.mark.parametrize(
    "change",
    [{"status": 200}, {"method": "PUT"}, {"path": "/bucket"}, {"service": "dynamodb"}],
    ids=["an object", "a write", "a bucket", "another service"],
)
def test_no_other_request_is_checked(change: dict[str, Any]) -> None:
    policies = PolicyEvaluator(allows=False)
    assert ask(policies, **change)[0] == change.get("status", 404)
    assert policies.asked == []
