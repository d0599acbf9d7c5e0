"""MiniStack's private names about identities: sessions of roles, what policies decide, where it departs from AWS."""

from __future__ import annotations

import contextvars
import importlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.iam.access_log import AccessLog, Decision
from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role, as the service that assumed it would hold them."""

    access_key: str
    secret_key: str
    token: str
    expires: float


@dataclass(frozen=True)
class Asked:
    """What policies are asked about: a request, with the conditions' keys that its service knows."""

    access_key: str
    action: str
    service: str
    region: str
    resource: str
    context: Mapping[str, Any]


Enforce = Callable[[Asked], Any]


def replace(module: Any, name: str, value: Callable[..., Any]) -> None:
    """Put ``value`` in the place of a function of MiniStack's. Raises TypeError when there is none of that name."""
    if not callable(getattr(module, name, None)):
        raise TypeError(f"MiniStack should have {module.__name__}.{name}, and it has not")
    setattr(module, name, value)


class MiniStackIam:
    """Identities and their policies."""

    def __init__(self) -> None:
        self._sts = importlib.import_module("ministack.services.sts")
        self._evaluator = importlib.import_module("ministack.core.iam_evaluator")
        self._actions = importlib.import_module("ministack.core.iam_actions")
        self._responses = importlib.import_module("ministack.core.responses")

    def assume(self, role_arn: str, session_name: str, *, duration_s: float) -> Session:
        """A session of a role, as a service obtains it: by the role's trust in the service, not in the caller."""
        account_id, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        session = Session(
            access_key=f"ASIA{secrets.token_hex(8).upper()}",
            secret_key=secrets.token_hex(20),
            token=secrets.token_hex(32),
            expires=time.time() + duration_s,
        )
        self._sts.register_session(
            session.access_key,
            {
                "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role}/{session_name}",
                "UserId": f"{self._sts._role_id(role_arn)}:{session_name}",  # noqa: SLF001 - no public way in
                "SecretAccessKey": session.secret_key,
                "SessionToken": session.token,
                "Expiration": session.expires,
                "AccountId": account_id,
                "PrincipalType": "AssumedRole",
                "SourceAccessKeyId": account_id,
                "SourcePrincipalArn": f"arn:aws:iam::{account_id}:root",
                "SessionTags": [],
                "SessionPolicies": None,
            },
        )
        return session

    def correct_condition_keys(self, *, tls: bool) -> None:
        """Three keys of policies' conditions.

        aws:SecureTransport is as the request came where there is TLS. Without, it is true although the port is plain
        HTTP: it is on the loopback, nobody else's to hear.
        aws:PrincipalArn of a session is its role's ARN, as AWS documents, not the session's. cloudwatch:namespace
        comes with metrics.
        """
        stock = self._evaluator._resolve_condition_key  # noqa: SLF001 - no public way in

        def resolve(key: str, context: Any) -> Any:
            if key.lower() == "aws:securetransport" and not tls:
                return "true"
            found = stock(key, context)
            return _role_arn(found) if key.lower() == "aws:principalarn" else found

        replace(self._evaluator, "_resolve_condition_key", resolve)
        tags = self._actions.request_tag_context

        def context(service: str, action: str, body: bytes, params: Mapping[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = tags(service, action, body, params)
            if action == "cloudwatch:PutMetricData":
                found["cloudwatch:namespace"] = _namespace(body, params)
            return found

        replace(self._actions, "request_tag_context", context)

    def correct_resources(self) -> None:
        """Have what is done to a log stream be done to that stream, not to its group, as AWS's refusals name it."""
        stock = self._actions.extract_resource_arn

        def extract(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *more: Any) -> str:
            found = str(stock(service, method, path, headers, body, *more))
            if service != "logs" or ":log-group:" not in found:
                return found
            stream = json.loads(body).get("logStreamName")
            listed = headers.get("x-amz-target", "").endswith(".DescribeLogStreams")
            return f"{found}:log-stream:{stream or ''}" if stream or listed else found

        replace(self._actions, "extract_resource_arn", extract)

    def correct_actions(self) -> None:
        """Have a batch of messages need the permission that one message needs, as on AWS."""
        stock = self._actions.extract_iam_action

        def extract(*arguments: Any, **named: Any) -> Any:
            found = stock(*arguments, **named)
            batch = isinstance(found, str) and found.startswith(("sqs:", "sns:"))
            return found.removesuffix("Batch") if batch else found

        replace(self._actions, "extract_iam_action", extract)

    def log_decisions(self, log: AccessLog) -> None:
        """Have every decision about a role's or a user's request written down."""

        def judge(stock: Enforce, asked: Asked) -> Any:
            refused = stock(asked)
            principal = self._evaluator.resolve_principal(asked.access_key or "", self._responses.get_account_id())
            if getattr(principal, "policies", None) is not None:
                arn = _role_arn(principal.arn)
                log.write(Decision(arn, asked.action, asked.resource, asked.context, allowed=refused is None))
            return refused

        self._judge_with(judge)

    def ask_for_keys(self, keys: EncryptionKeys) -> None:
        """Have whoever may do something to what a key locks be asked for the key as well, as AWS's services do."""

        def judge(stock: Enforce, asked: Asked) -> Any:
            refused = stock(asked)
            for use in keys.uses(asked.action, asked.resource) if refused is None else ():
                refused = refused or stock(
                    Asked(asked.access_key, use.action, "kms", asked.region, use.key, use.context)
                )
            return refused

        self._judge_with(judge)

    def _judge_with(self, judge: Callable[[Enforce, Asked], Any]) -> None:
        """Have `judge` decide, who is given what has decided so far; None means that a request is allowed."""
        decided_so_far = self._evaluator.enforce

        def stock(asked: Asked) -> Any:
            return decided_so_far(
                asked.access_key, asked.action, asked.service, asked.region, asked.resource, dict(asked.context)
            )

        def enforce(
            access_key: str,
            action: str,
            service: str,
            region: str,
            resource_arn: str = "*",
            service_context: dict[str, Any] | None = None,
        ) -> Any:
            return judge(stock, Asked(access_key, action, service, region, resource_arn, service_context or {}))

        replace(self._evaluator, "enforce", enforce)

    def may(
        self,
        session: Session,
        action: str,
        resource: str,
        region: str,
        context: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether the policies let a role's session do something, asked from inside, without a request."""

        def decide() -> bool:
            # What is pinned is another request's.
            self._evaluator._signed_request.set(None)  # noqa: SLF001 - no public way in
            self._evaluator._anonymous.set(False)  # noqa: SLF001 - as above
            service = action.partition(":")[0]
            keys = dict(context or {})
            return self._evaluator.enforce(session.access_key, action, service, region, resource, keys) is None

        return contextvars.copy_context().run(decide)

    def refusal(
        self,
        scope: Mapping[str, Any],
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        """Why IAM refuses a signed request, of which MiniStack does not ask this; None when it allows it."""
        router = importlib.import_module("ministack.core.router")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        access_key = router.extract_access_key_id(headers, query)
        account = importlib.import_module("ministack.app")._request_account_scope(access_key)  # noqa: SLF001 - as above
        self._responses.set_request_account_id(account)
        path = scope.get("raw_path") or str(scope["path"]).encode()
        self._evaluator.pin_signed_request(scope["method"], path.decode("latin-1"), query, scope["headers"])
        self._evaluator.pin_signed_body(body)
        self._evaluator.pin_request_origin((scope.get("client") or ("127.0.0.1",))[0], scope.get("scheme") == "https")
        region, service = router.extract_region(headers, query), action.partition(":")[0]
        refused = self._evaluator.enforce(access_key, action, service, region, resource, context)
        if refused is None:
            return None
        if message := getattr(refused, "message", ""):
            return str(message)
        why = "with an explicit deny" if refused.decision == "Deny" else "because no identity-based policy allows it"
        return f"User: {refused.principal_arn} is not authorized to perform: {action} on resource: {resource} {why}"

    def let_the_account_stand_for(self, service: str) -> None:
        """Let the account's root assume the roles that trust `service`: an emulator has no other way to be it."""
        stock = self._evaluator.evaluate_trust_policy

        def evaluate(document: Any, caller: str, context: Any) -> bool:
            return bool(stock(document, caller, context)) or (caller.endswith(":root") and _trusts(document, service))

        replace(self._evaluator, "evaluate_trust_policy", evaluate)


def _role_arn(principal: Any) -> Any:
    """The role of a session; any other principal as it is."""
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
    """The namespace of a PutMetricData, in whichever of the three protocols it comes."""
    if "Namespace" in params:
        return str(params["Namespace"][0])
    read = json.loads if body.startswith(b"{") else importlib.import_module("cbor2").loads
    return str(read(body).get("Namespace", ""))
