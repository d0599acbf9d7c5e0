"""IAM in front of the SageMaker emulator; MiniStack decides about its own services only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

from tailrace_local.cloud.services import Service
from tailrace_local.emulator_base.asgi import Message, Receive, Scope, Send, read_whole_body, send_json

_ADMIN_PATHS = "/_tailrace/"
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations)")
_INVOKES = {"async-invocations": "sagemaker:InvokeEndpointAsync", "invocations": "sagemaker:InvokeEndpoint"}
_NAMESPACES = {"SageMaker": "sagemaker", "AnyScaleFrontendService": "application-autoscaling"}
# The member of a request that names the resource, and the resource's type in its ARN.
_NAMED = {
    "TransformJobName": "transform-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "AutoMLJobName": "automl-job",
}

_PASSED = ("ExecutionRoleArn", "RoleArn")
"""Members with the role of a model, and of a job."""


class PolicyEvaluator(Protocol):
    """Decides requests by identities and their policies."""

    def refusal(
        self,
        scope: Scope,
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        """Return why a signed request is refused; None when it is allowed.

        `context` holds its condition keys.
        """
        ...


class EnforcedService:
    """Passes to an emulator the requests that the caller's policies allow."""

    def __init__(self, emulator: Service, policies: PolicyEvaluator, *, region: str, account_id: str) -> None:
        self._emulator = emulator
        self._policies = policies
        self._arn = f"arn:aws:sagemaker:{region}:{account_id}"

    def handles(self, scope: Scope) -> bool:
        """Return whether the emulator handles the connection."""
        return self._emulator.handles(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer AccessDeniedException, or have the emulator answer."""
        if str(scope["path"]).startswith(_ADMIN_PATHS):
            await self._emulator(scope, receive, send)
            return
        body = await read_whole_body(receive)
        action, resource = self._action(scope, body)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        for needed in ((action, resource, None), *_further_actions(action, resource, body)):
            if reason := self._policies.refusal(scope, query, body, *needed):
                await _refuse(send, reason)
                return
        await self._emulator(scope, _replay(body), send)

    def _action(self, scope: Scope, body: bytes) -> tuple[str, str]:
        """Return the action and the resource's ARN.

        `*` where the request names no resource that has one.
        """
        if found := _INVOCATION.fullmatch(str(scope["path"])):
            # Spelled as the emulator and Ref spell it. SageMaker's own ARNs are in lower case.
            return _INVOKES[found[2]], f"{self._arn}:endpoint/{unquote(found[1])}"
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        service, _, operation = headers.get(b"x-amz-target", "").rpartition(".")
        action = f"{_NAMESPACES.get(service, service)}:{operation}"
        request = json.loads(body or b"{}")
        for member, kind in _NAMED.items():
            if isinstance(request.get(member), str):
                return action, f"{self._arn}:{kind}/{request[member]}"
        return action, "*"


def _further_actions(action: str, resource: str, body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield further actions that SageMaker needs: to pass the execution role, and to add tags."""
    request = json.loads(body or b"{}") if action.startswith("sagemaker:Create") else {}
    for role in filter(None, map(request.get, _PASSED)):
        yield "iam:PassRole", str(role), {"iam:passedtoservice": "sagemaker.amazonaws.com"}
    if request.get("Tags"):
        yield "sagemaker:AddTags", resource, {}


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(send: Send, reason: str) -> None:
    content = {"__type": "AccessDeniedException", "Message": reason, "message": reason}
    await send_json(send, content, status=403, headers={"x-amzn-errortype": "AccessDeniedException"})
