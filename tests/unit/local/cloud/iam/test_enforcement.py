from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tailrace_local.cloud.iam.enforcement import EnforcedService
from tailrace_local.emulator_base.asgi import Message, Receive, Scope, Send


class Answering:
    """An emulator that reads the body and records it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def handles(self, scope: Scope) -> bool:
        return bool(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"path", scope["path"].encode())]})


class PolicyEvaluator:
    """Refuses the given action."""

    def __init__(self, refused: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        self._refused = refused

    def refusal(
        self,
        scope: Scope,
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        del scope, query, body, context
        self.asked.append((action, resource))
        return "no" if action == self._refused else None


def ask(policies: PolicyEvaluator, path: str, target: str = "", body: bytes = b"") -> tuple[int, list[bytes]]:
    emulator, sent = Answering(), []
    blocks = [{"body": body[:3], "more_body": True}, {"body": body[3:], "more_body": False}]

    async def receive() -> Message:
        return blocks.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"x-amz-target", target.encode())]}
    guarded = EnforcedService(emulator, policies, region="eu-west-1", account_id="123456789012")
    asyncio.run(guarded(scope, receive, send))
    return sent[0]["status"], emulator.bodies


@pytest.mark.parametrize(
    ("path", "target", "body", "asked"),
    [
        ("/endpoints/Demand/async-invocations", "", {}, ("sagemaker:InvokeEndpointAsync", "endpoint/Demand")),
        ("/endpoints/Demand/invocations", "", {}, ("sagemaker:InvokeEndpoint", "endpoint/Demand")),
        ("/", "SageMaker.DescribeEndpoint", {"EndpointName": "d"}, ("sagemaker:DescribeEndpoint", "endpoint/d")),
        ("/", "SageMaker.DeleteModel", {"ModelName": "m"}, ("sagemaker:DeleteModel", "model/m")),
        ("/", "SageMaker.StopAutoMLJob", {"AutoMLJobName": "j"}, ("sagemaker:StopAutoMLJob", "automl-job/j")),
    ],
)
def test_a_request_is_judged_by_its_operation_and_what_it_names(
    path: str, target: str, body: dict[str, str], asked: tuple[str, str]
) -> None:
    policies = PolicyEvaluator()
    ask(policies, path, target, json.dumps(body).encode())
    assert policies.asked == [(asked[0], f"arn:aws:sagemaker:eu-west-1:123456789012:{asked[1]}")]


def test_a_request_without_a_resource_is_checked_against_every_resource() -> None:
    policies = PolicyEvaluator()
    ask(policies, "/", "SageMaker.ListEndpoints", b"{}")
    assert policies.asked == [("sagemaker:ListEndpoints", "*")]


def test_creating_a_model_needs_passrole_and_addtags() -> None:
    policies, role = PolicyEvaluator(), "arn:aws:iam::123456789012:role/r"
    body = {"ModelName": "m", "ExecutionRoleArn": role, "Tags": [{"Key": "k", "Value": "v"}]}
    assert ask(policies, "/", "SageMaker.CreateModel", json.dumps(body).encode())[0] == 200
    model = "arn:aws:sagemaker:eu-west-1:123456789012:model/m"
    assert policies.asked == [("sagemaker:CreateModel", model), ("iam:PassRole", role), ("sagemaker:AddTags", model)]
    refusing = PolicyEvaluator(refused="iam:PassRole")
    assert ask(refusing, "/", "SageMaker.CreateModel", json.dumps(body).encode()) == (403, [])


def test_an_allowed_request_arrives_whole() -> None:
    assert ask(PolicyEvaluator(), "/", "SageMaker.ListEndpoints", b'{"MaxResults": 3}') == (200, [b'{"MaxResults": 3}'])


def test_a_refused_request_does_not_arrive() -> None:
    policies = PolicyEvaluator(refused="sagemaker:ListEndpoints")
    assert ask(policies, "/", "SageMaker.ListEndpoints", b"{}") == (403, [])


def test_the_emulators_own_surface_is_not_awss_to_guard() -> None:
    policies = PolicyEvaluator()
    assert ask(policies, "/_tailrace/sagemaker/endpoints", "", b"abcd")[0] == 200
    assert policies.asked == []


def test_creating_a_job_needs_passrole_for_the_jobs_role() -> None:
    role = "arn:aws:iam::123456789012:role/training"
    policies = PolicyEvaluator()
    body = {"AutoMLJobName": "sales", "RoleArn": role}
    ask(policies, "/", "SageMaker.CreateAutoMLJobV2", json.dumps(body).encode())
    assert ("iam:PassRole", role) in policies.asked
