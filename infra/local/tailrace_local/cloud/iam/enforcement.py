"""IAM before the SageMaker emulator: MiniStack decides about its own services only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

from tailrace_local.cloud.services import Receive, Scope, Send, Service

_OWN_SURFACE = "/_tailrace/"
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations)")
_INVOKES = {"async-invocations": "sagemaker:InvokeEndpointAsync", "invocations": "sagemaker:InvokeEndpoint"}
_NAMESPACES = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}
# The request's member that names the resource, and the resource's type in its ARN.
_NAMED = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "AutoMLJobName": "automl-job",
}

_PASSED = "ExecutionRoleArn"


class PolicyEvaluator(Protocol):
    """Who knows identities and their policies."""

    def refusal(
        self,
        scope: Scope,
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        """Why a signed request is refused, `context` being its condition keys; None when it is allowed."""
        ...


class EnforcedService:
    """Lets through to an emulator what the caller's policies allow; everything else is the emulator's."""

    def __init__(self, emulator: Service, judge: PolicyEvaluator, *, region: str, account_id: str) -> None:
        self._emulator = emulator
        self._judge = judge
        self._arn = f"arn:aws:sagemaker:{region}:{account_id}"

    def handles(self, scope: Scope) -> bool:
        """What the emulator handles."""
        return self._emulator.handles(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer AccessDenied, or have the emulator answer."""
        if str(scope["path"]).startswith(_OWN_SURFACE):
            await self._emulator(scope, receive, send)
            return
        body = await _whole(receive)
        action, resource = self._asked(scope, body)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        for asked in ((action, resource, None), *_besides(action, resource, body)):
            if reason := self._judge.refusal(scope, query, body, *asked):
                await _refuse(send, reason)
                return
        await self._emulator(scope, _again(body), send)

    def _asked(self, scope: Scope, body: bytes) -> tuple[str, str]:
        """The action and the ARN of what it is about; ``*`` where the request names nothing that has one."""
        if found := _INVOCATION.fullmatch(str(scope["path"])):
            # In the emulator's spelling, which Ref gives too; SageMaker's own ARNs are in small letters.
            return _INVOKES[found[2]], f"{self._arn}:endpoint/{unquote(found[1])}"
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        service, _, operation = headers.get(b"x-amz-target", "").rpartition(".")
        action = f"{_NAMESPACES.get(service, service)}:{operation}"
        request = json.loads(body or b"{}")
        for member, kind in _NAMED.items():
            if isinstance(request.get(member), str):
                return action, f"{self._arn}:{kind}/{request[member]}"
        return action, "*"


def _besides(action: str, resource: str, body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What SageMaker asks beside the action: for the role that it is to act with, and for tags."""
    request = json.loads(body or b"{}") if action.startswith("sagemaker:Create") else {}
    if role := request.get(_PASSED):
        yield "iam:PassRole", str(role), {"iam:passedtoservice": "sagemaker.amazonaws.com"}
    if request.get("Tags"):
        yield "sagemaker:AddTags", resource, {}


async def _whole(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(send: Send, reason: str) -> None:
    payload = json.dumps({"__type": "AccessDeniedException", "Message": reason, "message": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", b"AccessDeniedException"),
        (b"content-length", str(len(payload)).encode()),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": payload})
