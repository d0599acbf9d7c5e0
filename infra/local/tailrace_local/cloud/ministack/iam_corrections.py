"""Patches of IAM where MiniStack's decisions differ from AWS's."""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.iam.access_log import AccessLog, Decision
from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_EVALUATOR = "ministack.core.iam_evaluator"
_ACTIONS = "ministack.core.iam_actions"
_ENFORCE = "enforce(access_key_id, iam_action, service, region, resource_arn, service_context)"
_DECISIONS = PrivateModule(_EVALUATOR, "resolve_principal(access_key_id, account_id, credential)")
_RESPONSES = PrivateModule("ministack.core.responses", "get_account_id()")

_CONDITION_KEY = Patch(
    _EVALUATOR,
    "_resolve_condition_key(key, ctx)",
    corrects=(
        "MiniStack gives aws:PrincipalArn of a session the session's ARN, where AWS documents the role's. And "
        "aws:SecureTransport is false on the plain port."
    ),
    why=(
        "Policies that name roles would not match. Policies that demand TLS would refuse every request of a cloud "
        "without TLS, whose port is on the loopback, where nobody else can listen."
    ),
    until="MiniStack gives aws:PrincipalArn the role's ARN, and has a setting for aws:SecureTransport.",
)
_WILDCARDS = Patch(
    _EVALUATOR,
    "_fnmatch_compile(pattern, ignore_case)",
    corrects="In MiniStack `*` and `?` of a policy stand for any character but a line break.",
    why="An object whose key has a line break would be refused here, whatever the policy says.",
    until="MiniStack compiles the patterns of policies with re.DOTALL.",
)
_CONTEXT = Patch(
    _ACTIONS,
    "request_tag_context(service, iam_action, body, params)",
    corrects="MiniStack evaluates PutMetricData without the condition key cloudwatch:namespace.",
    why="Policies that allow a function its own namespace only would refuse it.",
    until="MiniStack sets cloudwatch:namespace for PutMetricData.",
)
_RESOURCE = Patch(
    _ACTIONS,
    "extract_resource_arn(service, method, path, headers, body, query_params, region, account_id)",
    corrects=(
        "MiniStack evaluates an action on a log stream against its group, where AWS's refusals name the stream, and "
        "one on any schedule as if it were in the group `default`, one on a map run against `*`."
    ),
    why="A policy for the log group alone would allow here what AWS refuses, one for the schedule's group would not.",
    until="MiniStack evaluates actions on log streams, schedules and map runs against their ARNs.",
)
_ACTION = Patch(
    _ACTIONS,
    "extract_iam_action(service, method, path, headers, body, query_params)",
    corrects="MiniStack asks for sqs:SendMessageBatch and the like; IAM has no such actions.",
    why="A batch needs the permission that one message needs: sqs:SendMessage, sns:Publish.",
    until="MiniStack maps batch operations of SQS and SNS to the action for one message.",
)
_TRUST = Patch(
    _EVALUATOR,
    "evaluate_trust_policy(trust_doc, caller_arn, ctx)",
    corrects="MiniStack lets nobody assume a role that trusts a service only.",
    why="An emulated service assumes roles by STS, with the account's credentials: it has no others.",
    until="MiniStack lets an embedding process call STS as a service.",
)
_LOG = Patch(
    _EVALUATOR,
    _ENFORCE,
    corrects="MiniStack records no decision about a request.",
    why="The tests of permissions compare the actions that roles used with the actions that policies grant.",
    until="MiniStack publishes its decisions, with principal, action, resource and condition keys.",
)
_KEYS = Patch(
    _EVALUATOR,
    _ENFORCE,
    corrects="MiniStack does not ask for the KMS key of an encrypted resource.",
    why="A role that may use the resource but not its key would work here and fail on AWS.",
    until="MiniStack asks for kms:Decrypt and kms:GenerateDataKey where AWS's services do.",
)


_ACCOUNT_KEY = Patch(
    _EVALUATOR,
    "_is_root_key(access_key_id)",
    corrects="MiniStack takes any signature, in a header or a query, by a key that is an account's number.",
    why="Any program that finds the port could act as the account although IAM is enforced.",
    until="MiniStack verifies signatures of the account's own key.",
)


@dataclass(frozen=True)
class AuthorizationRequest:
    """A question to IAM.

    Principal, action and resource, with the condition keys that the service knows.
    """

    access_key: str
    action: str
    service: str
    region: str
    resource: str
    context: Mapping[str, Any]


Enforce = Callable[[AuthorizationRequest], Any]
"""Decides a request; None means that it is allowed."""


def verify_account_keys() -> None:
    """Verify signatures of the account's own key as those of every other key.

    Only a request without a key is left to MiniStack's rules for unsigned requests.
    """
    _ACCOUNT_KEY.replace(lambda access_key_id: not access_key_id)


def match_line_breaks() -> None:
    """Let the wildcards of policies stand for line breaks too."""

    @functools.cache
    def matching(pattern: str, flags: int) -> re.Pattern[str]:
        return re.compile(pattern, flags | re.DOTALL)

    def compiled(original: Callable[..., re.Pattern[str]], *arguments: Any) -> re.Pattern[str]:
        found = original(*arguments)
        return matching(found.pattern, found.flags)

    _WILDCARDS.wrap(compiled)


def correct_condition_keys(*, tls: bool) -> None:
    """Correct aws:SecureTransport, aws:PrincipalArn and cloudwatch:namespace.

    aws:SecureTransport is as the request came in where there is TLS, and true where there is none.
    """

    def resolve(original: Callable[[str, Any], Any], key: str, context: Any) -> Any:
        if key.lower() == "aws:securetransport" and not tls:
            return "true"
        found = original(key, context)
        return _role_arn(found) if key.lower() == "aws:principalarn" else found

    def add_namespace(
        original: Callable[..., dict[str, Any]], service: str, action: str, body: bytes, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        found = original(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            found["cloudwatch:namespace"] = _namespace(body, params)
        return found

    _CONDITION_KEY.wrap(resolve)
    _CONTEXT.wrap(add_namespace)


def correct_resources() -> None:
    """Evaluate actions on a log stream, a schedule and a map run against their ARNs."""

    def extract(
        original: Callable[..., Any],
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Any],
        *more: Any,
    ) -> str:
        found = str(original(service, method, path, headers, body, query, *more))
        if service == "scheduler" and ":schedule/default/" in found:
            return found.replace(":schedule/default/", f":schedule/{_schedule_group(query, body)}/")
        if service == "states" and found == "*":
            return str(json.loads(body or b"{}").get("mapRunArn", found))
        if service != "logs" or ":log-group:" not in found:
            return found
        stream = json.loads(body).get("logStreamName")
        listed = headers.get("x-amz-target", "").endswith(".DescribeLogStreams")
        return f"{found}:log-stream:{stream or ''}" if stream or listed else found

    _RESOURCE.wrap(extract)


def _schedule_group(query: Mapping[str, Any], body: bytes) -> str:
    given = query.get("groupName") or json.loads(body or b"{}").get("GroupName") or "default"
    return str(given[0] if isinstance(given, list) else given)


def correct_actions() -> None:
    """Have a batch of messages need the permission that one message needs."""

    def extract(original: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        found = original(*arguments, **named)
        batch = isinstance(found, str) and found.startswith(("sqs:", "sns:"))
        return found.removesuffix("Batch") if batch else found

    _ACTION.wrap(extract)


def let_account_assume_roles_of(service: str) -> None:
    """Let the account's root assume roles that trust `service`, a service principal."""

    def evaluate(original: Callable[..., Any], document: Any, caller: str, context: Any) -> bool:
        return bool(original(document, caller, context)) or (caller.endswith(":root") and _trusts(document, service))

    _TRUST.wrap(evaluate)


def log_decisions(log: AccessLog) -> None:
    """Log every decision about the request of a role or a user."""
    evaluator, responses = _DECISIONS.load(), _RESPONSES.load()

    def decide(enforce: Enforce, request: AuthorizationRequest) -> Any:
        refused = enforce(request)
        principal = evaluator.resolve_principal(request.access_key or "", responses.get_account_id())
        if getattr(principal, "policies", None) is not None:
            arn = _role_arn(principal.arn)
            log.write(Decision(arn, request.action, request.resource, request.context, allowed=refused is None))
        return refused

    _decide_with(_LOG, decide)


def require_keys(keys: EncryptionKeys) -> None:
    """Have actions on encrypted resources need the permission for the key, as on AWS."""

    def decide(enforce: Enforce, request: AuthorizationRequest) -> Any:
        refused = enforce(request)
        for use in keys.uses(request.action, request.resource) if refused is None else ():
            refused = refused or enforce(
                AuthorizationRequest(request.access_key, use.action, "kms", request.region, use.key, use.context)
            )
        return refused

    _decide_with(_KEYS, decide)


def _decide_with(patch: Patch, decide: Callable[[Enforce, AuthorizationRequest], Any]) -> None:
    """Apply a patch of `enforce`: `decide` gets the decision so far as a function of a request."""

    def enforce(
        original: Callable[..., Any],
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        def so_far(request: AuthorizationRequest) -> Any:
            return original(
                request.access_key,
                request.action,
                request.service,
                request.region,
                request.resource,
                dict(request.context),
            )

        return decide(
            so_far, AuthorizationRequest(access_key, action, service, region, resource_arn, service_context or {})
        )

    patch.wrap(enforce)


def _role_arn(principal: Any) -> Any:
    """Return the role of a session; any other principal as it is."""
    match str(principal).split(":", 5):
        case [_, partition, "sts", _, account_id, resource] if resource.startswith("assumed-role/"):
            return f"arn:{partition}:iam::{account_id}:role/{resource.split('/')[1]}"
    return principal


def _trusts(document: Any, service: str) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in ([named] if isinstance(named, str) else named):
            return True
    return False


def _namespace(body: bytes, params: Mapping[str, Any]) -> str:
    """Return the namespace of a PutMetricData, which comes as a form, as JSON or as CBOR."""
    if "Namespace" in params:
        return str(params["Namespace"][0])
    read = json.loads if body.startswith(b"{") else importlib.import_module("cbor2").loads
    return str(read(body).get("Namespace", ""))
