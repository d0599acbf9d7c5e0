"""MiniStack's private names that the cloud is built on, in one place.

The version is pinned and asserted: a bump has to pass tests/integration/local/test_ministack_contract.py first.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.cloud.access import AccessLog, Decision

PINNED = "1.5.33"
NESTED_STACK = "AWS::CloudFormation::Stack"

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]


@dataclass(frozen=True)
class Environment:
    """What MiniStack reads from the process's environment when it is imported."""

    port: int
    region: str
    account_id: str
    temporary: Path
    enforce_iam: bool

    def apply(self) -> None:
        """Set it for this process. Has to happen before MiniStack is imported."""
        if "ministack.app" in sys.modules:
            raise RuntimeError("ministack.app was imported before its environment was set")
        os.environ.update(
            {
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "MINISTACK_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "MINISTACK_ACCOUNT_ID": self.account_id,
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                "PERSIST_STATE": "0",
                "LAMBDA_EXECUTOR": "local",
                "AUTH": str(self.enforce_iam).lower(),
                "TMPDIR": str(self.temporary),
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
                "AWS_ACCESS_KEY_ID": self.account_id,
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
        )
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
            os.environ.pop(name, None)


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role, as the service that assumed it would hold them."""

    access_key: str
    secret_key: str
    token: str
    expires: float


class MiniStack:
    """The imported emulator; every private name that is read or replaced is named here."""

    def __init__(self) -> None:
        found = importlib.metadata.version("ministack")
        if found != PINNED:
            raise RuntimeError(
                f"MiniStack {found} is installed where {PINNED} is expected: run `make setup`, or pass the contract "
                "tests with the new version and change PINNED"
            )
        self.app: Any = importlib.import_module("ministack.app").app
        self._lambda = importlib.import_module("ministack.services.lambda_svc")
        self._sts = importlib.import_module("ministack.services.sts")
        self._cloudformation = importlib.import_module("ministack.services.cloudformation.provisioners")
        self._stacks = importlib.import_module("ministack.services.cloudformation.stacks")
        self._stack_store = importlib.import_module("ministack.services.cloudformation")._stacks  # noqa: SLF001 - as below
        importlib.import_module("ministack.core.hypercorn_compat").install()

    def run_functions_with(self, execute: Execute) -> None:
        """Have every invocation (Invoke, schedules, topics) of a Python function answered by `execute`."""
        self._replace(self._lambda, "_execute_function_warm", execute)

    def stop_polling_queues(self) -> None:
        """Take MiniStack's own queue poller out; its pollers of streams stay."""
        self._replace(self._lambda, "_poll_sqs", lambda: False)

    def invoke(self, function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        """Invoke with MiniStack's accounting of concurrency and its CloudWatch logs."""
        result: dict[str, Any] = self._lambda._execute_function(function, event)  # noqa: SLF001 - no public way in
        return result

    def mappings(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(account, region, mapping) of every event source mapping."""
        yield from self._lambda._iter_all_esms()  # noqa: SLF001 - no public way in

    def function(self, account_id: str, region: str, name: str, qualifier: str | None) -> dict[str, Any] | None:
        """The record of a function's version or alias, with its `config` and `code_zip`."""
        found = self._lambda._functions.get_scoped(account_id, region, name)  # noqa: SLF001 - no public way in
        record, _ = self._lambda._effective_func_record_for_qualifier(found, qualifier)  # noqa: SLF001 - as above
        return record if isinstance(record, dict) else None

    def matching(self, records: list[dict[str, Any]], mapping: dict[str, Any]) -> list[dict[str, Any]]:
        """The records that pass a mapping's FilterCriteria."""
        kept: list[dict[str, Any]] = self._lambda._apply_filter_criteria(records, mapping)  # noqa: SLF001 - as above
        return kept

    def assume(self, role_arn: str, session_name: str, *, duration_s: float) -> Session:
        """A session of a role, as Lambda obtains it: by the role's trust in the service, not in the caller."""
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

    def correct_condition_keys(self) -> None:
        """Two keys of policies' conditions.

        aws:SecureTransport is true although the port is plain HTTP: it is on the loopback, nobody else's to hear.
        aws:PrincipalArn of a session is its role's ARN, as AWS documents, not the session's.
        """
        evaluator = importlib.import_module("ministack.core.iam_evaluator")
        stock = evaluator._resolve_condition_key  # noqa: SLF001 - no public way in

        def resolve(key: str, context: Any) -> Any:
            if key.lower() == "aws:securetransport":
                return "true"
            found = stock(key, context)
            return _role_arn(found) if key.lower() == "aws:principalarn" else found

        self._replace(evaluator, "_resolve_condition_key", resolve)

    def correct_actions(self) -> None:
        """Have a batch of messages need the permission that one message needs, as on AWS."""
        actions = importlib.import_module("ministack.core.iam_actions")
        stock = actions.extract_iam_action

        def extract(*arguments: Any, **named: Any) -> Any:
            found = stock(*arguments, **named)
            batch = isinstance(found, str) and found.startswith(("sqs:", "sns:"))
            return found.removesuffix("Batch") if batch else found

        self._replace(actions, "extract_iam_action", extract)

    def log_decisions(self, log: AccessLog) -> None:
        """Have every decision about a role's or a user's request written down."""
        evaluator = importlib.import_module("ministack.core.iam_evaluator")
        responses = importlib.import_module("ministack.core.responses")
        stock = evaluator.enforce

        def enforce(
            access_key: str,
            action: str,
            service: str,
            region: str,
            resource_arn: str = "*",
            service_context: dict[str, Any] | None = None,
        ) -> Any:
            refused = stock(access_key, action, service, region, resource_arn, service_context)
            principal = evaluator.resolve_principal(access_key or "", responses.get_account_id())
            if getattr(principal, "policies", None) is not None:
                arn = _role_arn(principal.arn)
                log.write(Decision(arn, action, resource_arn, service_context or {}, allowed=refused is None))
            return refused

        self._replace(evaluator, "enforce", enforce)

    def refusal(
        self, scope: dict[str, Any], query: dict[str, Any], body: bytes, action: str, resource: str
    ) -> str | None:
        """Why IAM refuses a signed request for a service that MiniStack does not have; None when it allows it."""
        evaluator = importlib.import_module("ministack.core.iam_evaluator")
        router = importlib.import_module("ministack.core.router")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        access_key = router.extract_access_key_id(headers, query)
        account = importlib.import_module("ministack.app")._request_account_scope(access_key)  # noqa: SLF001 - as above
        importlib.import_module("ministack.core.responses").set_request_account_id(account)
        path = scope.get("raw_path") or str(scope["path"]).encode()
        evaluator.pin_signed_request(scope["method"], path.decode("latin-1"), query, scope["headers"])
        evaluator.pin_signed_body(body)
        region = router.extract_region(headers, query)
        refused = evaluator.enforce(access_key, action, "sagemaker", region, resource)
        if refused is None:
            return None
        if message := getattr(refused, "message", ""):
            return str(message)
        why = "with an explicit deny" if refused.decision == "Deny" else "because no identity-based policy allows it"
        return f"User: {refused.principal_arn} is not authorized to perform: {action} on resource: {resource} {why}"

    def let_the_account_stand_for(self, service: str) -> None:
        """Let the account's root assume the roles that trust `service`: an emulator has no other way to be it."""
        evaluator = importlib.import_module("ministack.core.iam_evaluator")
        stock = evaluator.evaluate_trust_policy

        def evaluate(document: Any, caller: str, context: Any) -> bool:
            return bool(stock(document, caller, context)) or (caller.endswith(":root") and _trusts(document, service))

        self._replace(evaluator, "evaluate_trust_policy", evaluate)

    def add_resource_type(self, name: str, handler: dict[str, Callable[..., Any]]) -> None:
        """Teach CloudFormation a type, whose handlers may block: they run on threads of their own."""
        self._cloudformation._RESOURCE_HANDLERS[name] = handler  # noqa: SLF001 - no public way in
        stock = self._stacks._runs_on_worker_thread  # noqa: SLF001 - no public way in
        self._replace(self._stacks, "_runs_on_worker_thread", lambda found: found == name or stock(found))

    def resource_type(self, name: str) -> dict[str, Callable[..., Any]] | None:
        """The handlers of a type that CloudFormation knows."""
        found: dict[str, Callable[..., Any]] | None = self._cloudformation._RESOURCE_HANDLERS.get(name)  # noqa: SLF001
        return found

    def keep_attributes_in_nested_stacks(self) -> None:
        """Have an update leave the attributes of unchanged resources as they were, in nested stacks too."""
        stock = self._cloudformation._update_resource  # noqa: SLF001 - no public way in

        def update(
            resource_type: str,
            physical_id: str,
            old: dict[str, Any],
            new: dict[str, Any],
            stack: str,
            logical_id: str | None = None,
            attributes: dict[str, Any] | None = None,
        ) -> Any:
            if attributes is None:
                resources = (self._stack_store.get(stack) or {}).get("_resources") or {}
                attributes = (resources.get(logical_id) or {}).get("Attributes")
            return stock(resource_type, physical_id, old, new, stack, logical_id, attributes)

        self._replace(self._cloudformation, "_update_resource", update)

    def deletes_predecessors_itself(self) -> bool:
        """Whether the update at work has to delete what it replaces: in nested stacks, unless it is retained."""
        deferred = self._cloudformation._DEFERRED_PREDECESSOR_DELETES.get()  # noqa: SLF001 - no public way in
        return deferred is None and not self._cloudformation._RETAIN_REPLACED.get()  # noqa: SLF001 - as above

    def nested_stack(self, physical_id: str) -> tuple[str, frozenset[str]]:
        """The name of a nested stack, and the physical ids of what it holds."""
        name = str(self._cloudformation._nested_stack_lookup_name(physical_id))  # noqa: SLF001 - no public way in
        resources = (self._stack_store.get(name) or {}).get("_resources") or {}
        return name, frozenset(str(found["PhysicalResourceId"]) for found in resources.values())

    @staticmethod
    def _replace(module: Any, name: str, value: Callable[..., Any]) -> None:
        if not callable(getattr(module, name, None)):
            raise TypeError(f"MiniStack {PINNED} should have {module.__name__}.{name}, and it has not")
        setattr(module, name, value)


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
