"""Identities: sessions of roles, and IAM's decision about a request that MiniStack does not see."""

from __future__ import annotations

import contextvars
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.ministack.patching import PrivateModule
from tailrace_local.emulator_base.asgi import Scope, headers_of

_STS = PrivateModule(
    "ministack.services.sts",
    "register_session(access_key, session)",
    "_role_id(role_arn)",
)
_EVALUATOR = PrivateModule(
    "ministack.core.iam_evaluator",
    "enforce(access_key_id, iam_action, service, region, resource_arn, service_context)",
    "pin_signed_request(method, raw_path, query_params, raw_headers, handshake)",
    "pin_signed_body(body)",
    "pin_request_origin(source_ip, secure_transport)",
    "_signed_request: ContextVar",
    "_anonymous: ContextVar",
    "_verified_key: ContextVar",
)
_RESPONSES = PrivateModule("ministack.core.responses", "set_request_account_id(access_key_id)")
_ROUTER = PrivateModule(
    "ministack.core.router",
    "extract_access_key_id(headers, query_params)",
    "extract_region(headers, query_params)",
)
_APP = PrivateModule("ministack.app", "_request_account_scope(access_key_id)")


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role, which a service has assumed."""

    access_key: str
    secret_key: str
    token: str
    expires: float


class MiniStackIam:
    """MiniStack's identities and their policies."""

    def __init__(self) -> None:
        self._sts = _STS.load()
        self._evaluator = _EVALUATOR.load()
        self._responses = _RESPONSES.load()
        self._router = _ROUTER.load()
        self._app = _APP.load()

    def assume(self, role_arn: str, session_name: str, *, duration_s: float) -> Session:
        """Return a session of a role, as a service obtains it.

        The role trusts the service, not the caller.
        """
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
                "UserId": f"{self._sts._role_id(role_arn)}:{session_name}",
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

    def may(
        self,
        session: Session,
        action: str,
        resource: str,
        region: str,
        context: Mapping[str, str] | None = None,
    ) -> bool:
        """Return whether policies allow a role's session an action.

        There is no request, and no signature.
        """

        def decide() -> bool:
            # The context may hold the signature of another request.
            self._evaluator._signed_request.set(None)
            self._evaluator._anonymous.set(False)
            service = action.partition(":")[0]
            keys = dict(context or {})
            return self._evaluator.enforce(session.access_key, action, service, region, resource, keys) is None

        return contextvars.copy_context().run(decide)

    def caller_refusal(self, action: str, resource: str, region: str, context: Mapping[str, str]) -> str | None:
        """Return why the caller of the current request may not do something else.

        None when it may, and outside a signed request.
        """
        access_key = self._evaluator._verified_key.get()
        if not access_key:
            return None

        def decide() -> Any:
            # The signature was checked when the request came in.
            self._evaluator._signed_request.set(None)
            self._evaluator._anonymous.set(False)
            service = action.partition(":")[0]
            return self._evaluator.enforce(access_key, action, service, region, resource, dict(context))

        refused = contextvars.copy_context().run(decide)
        return None if refused is None else _reason(refused, action, resource)

    def refusal(
        self,
        scope: Scope,
        query: dict[str, Any],
        body: bytes,
        action: str,
        resource: str,
        context: dict[str, Any] | None = None,
    ) -> str | None:
        """Return why IAM refuses a signed request to a service that is not MiniStack's.

        None when it allows it.
        """
        headers = headers_of(scope)
        access_key = self._router.extract_access_key_id(headers, query)
        account = self._app._request_account_scope(access_key)
        self._responses.set_request_account_id(account)
        path = scope.get("raw_path") or str(scope["path"]).encode()
        self._evaluator.pin_signed_request(scope["method"], path.decode("latin-1"), query, scope["headers"])
        self._evaluator.pin_signed_body(body)
        self._evaluator.pin_request_origin((scope.get("client") or ("127.0.0.1",))[0], scope.get("scheme") == "https")
        region, service = self._router.extract_region(headers, query), action.partition(":")[0]
        refused = self._evaluator.enforce(access_key, action, service, region, resource, context)
        return None if refused is None else _reason(refused, action, resource)


def _reason(refused: Any, action: str, resource: str) -> str:
    """Return AWS's message for a refusal, or for credentials that fail."""
    if message := getattr(refused, "message", ""):
        return str(message)
    why = "with an explicit deny" if refused.decision == "Deny" else "because no identity-based policy allows it"
    return f"User: {refused.principal_arn} is not authorized to perform: {action} on resource: {resource} {why}"
