"""MiniStack's private names that the cloud is built on, in one place.

The version is pinned and asserted: a bump has to pass tests/integration/local/test_ministack_contract.py first.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.cloud.ministack.identities import MiniStackIam, replace
from tailrace_local.cloud.services import ResourceHandlers

PINNED = "1.5.33"
NESTED_STACK = "AWS::CloudFormation::Stack"

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]
MappingRefusal = Callable[[str, str], str | None]
"""Of a role and a queue, by their ARNs: why the role cannot work on the queue; None when it can."""
_MAPPING, _FUNCTION = "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"


@dataclass(frozen=True)
class Environment:
    """What MiniStack reads from the process's environment when it is imported."""

    port: int
    region: str
    account_id: str
    temporary: Path
    enforce_iam: bool
    ca_bundle: str | None = None

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
                "AWS_ENDPOINT_URL": f"{'https' if self.ca_bundle else 'http'}://127.0.0.1:{self.port}",
                **({"USE_SSL": "1", "AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}),
                "AWS_ACCESS_KEY_ID": self.account_id,
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
        )
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
            os.environ.pop(name, None)


class MiniStack:
    """The imported emulator; every private name that is read or replaced is named here, or in `ministack_iam`."""

    def __init__(self) -> None:
        found = importlib.metadata.version("ministack")
        if found != PINNED:
            raise RuntimeError(
                f"MiniStack {found} is installed where {PINNED} is expected: run `make setup`, or pass the contract "
                "tests with the new version and change PINNED"
            )
        self.app: Any = importlib.import_module("ministack.app").app
        self._lambda = importlib.import_module("ministack.services.lambda_svc")
        self._scheduler = importlib.import_module("ministack.services.eventbridge")
        self.iam = MiniStackIam()
        self._cloudformation = importlib.import_module("ministack.services.cloudformation.provisioners")
        self._stacks = importlib.import_module("ministack.services.cloudformation.stacks")

    def run_functions_with(self, execute: Execute) -> None:
        """Have every invocation (Invoke, schedules, topics) of a Python function answered by `execute`."""
        replace(self._lambda, "_execute_function_warm", execute)

    def stop_polling_queues(self) -> None:
        """Take MiniStack's own queue poller out; its pollers of streams stay."""
        replace(self._lambda, "_poll_sqs", lambda: False)

    def invoke(self, function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        """Invoke with MiniStack's accounting of concurrency and its CloudWatch logs."""
        result: dict[str, Any] = self._lambda._execute_function(function, event)  # noqa: SLF001 - no public way in
        return result

    def write_no_logs(self) -> None:
        """Leave the functions' logs to whoever runs them."""
        replace(self._lambda, "_emit_lambda_logs", lambda *_, **__: None)

    def look_at_schedules_every(self, seconds: float) -> None:
        """Find schedules that are due within this time. Has to be said before the server starts."""
        schedules: Any = importlib.import_module("ministack.services.scheduler")
        if not isinstance(getattr(schedules, "_SCHEDULE_TICK_INTERVAL", None), (int, float)):
            raise TypeError("MiniStack should have scheduler._SCHEDULE_TICK_INTERVAL, a number, and it has not")
        schedules._SCHEDULE_TICK_INTERVAL = seconds  # noqa: SLF001 - no public way in

    def fire_schedules_with(self, fire: Callable[[dict[str, Any], str], None]) -> None:
        """Have `fire` invoke the targets of schedules that have a role: it gets the schedule and the payload."""
        stock = self._scheduler._invoke_target  # noqa: SLF001 - no public way in

        def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *more: Any) -> None:
            if target.get("RoleArn") and "ScheduleExpression" in rule and "Target" in rule:
                fire(rule, str(target.get("Input") or json.dumps(event)))
            else:
                stock(target, event, rule, *more)

        replace(self._scheduler, "_invoke_target", invoke)

    def guard_mappings(self, refusal: MappingRefusal) -> None:
        """Refuse mappings of queues, by the API and by CloudFormation, for which `refusal` has a reason."""
        stock, provision = self._lambda._create_esm, self.resource_type(_MAPPING)  # noqa: SLF001 - no public way in
        error = importlib.import_module("ministack.core.responses").error_response_json

        def reason(request: dict[str, Any]) -> str | None:
            queue = str(request.get("EventSourceArn", ""))
            record = self._lambda._get_func_record_for_ref(request.get("FunctionName", ""))[0]  # noqa: SLF001 - as above
            return refusal(str(record["config"]["Role"]), queue) if record and ":sqs:" in queue else None

        def create(request: dict[str, Any]) -> Any:
            found = reason(request)
            return error("InvalidParameterValueException", found) if found else stock(request)

        def provisioned(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
            if found := reason(properties):
                raise ValueError(found)
            return (provision or {})["create"](logical_id, properties, stack)

        replace(self._lambda, "_create_esm", create)
        self.add_resource_type(_MAPPING, {**(provision or {}), "create": provisioned})

    def keep_dead_letter_queues(self) -> None:
        """Have CloudFormation give functions the dead-letter queues that templates name, which it drops."""
        stock = self.resource_type(_FUNCTION) or {}

        def noted(made: tuple[str, Any], properties: dict[str, Any]) -> tuple[str, Any]:
            record = self._lambda._get_func_record_for_ref(made[0])[0]  # noqa: SLF001 - no public way in
            if record is not None:
                record["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig")
            return made

        def create(logical_id: str, properties: dict[str, Any], *more: Any) -> Any:
            return noted(stock["create"](logical_id, properties, *more), properties)

        def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any) -> Any:
            return noted(stock["update"](physical_id, old, new, *more), new)

        self.add_resource_type(_FUNCTION, {**stock, "create": create, "update": update})

    def guard_dead_letters(self, may_send: Callable[[str, str], bool]) -> None:
        """Lose the events of functions that failed for good when the function's role may not send them on.

        `may_send` is asked with the role and the target, by their ARNs.
        """
        stock = self._lambda._route_async_failure  # noqa: SLF001 - no public way in

        def route(target: str, name: str, event: Any, result: dict[str, Any]) -> None:
            record = self._lambda._get_func_record_for_ref(name)[0]  # noqa: SLF001 - as above
            if record is None or may_send(str(record["config"]["Role"]), target):
                stock(target, name, event, result)

        replace(self._lambda, "_route_async_failure", route)

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

    def add_resource_type(self, name: str, handler: dict[str, Callable[..., Any]]) -> None:
        """Teach CloudFormation a type, whose handlers may block: they run on threads of their own."""
        self._cloudformation._RESOURCE_HANDLERS[name] = handler  # noqa: SLF001 - no public way in
        stock = self._stacks._runs_on_worker_thread  # noqa: SLF001 - no public way in
        replace(self._stacks, "_runs_on_worker_thread", lambda found: found == name or stock(found))

    def add_resource_types(self, types: Mapping[str, ResourceHandlers]) -> None:
        """Teach CloudFormation types of ours."""
        for name, handlers in types.items():
            self.add_resource_type(
                name, {"create": handlers.create, "update": handlers.update, "delete": handlers.delete}
            )

    def resource_type(self, name: str) -> dict[str, Callable[..., Any]] | None:
        """The handlers of a type that CloudFormation knows."""
        found: dict[str, Callable[..., Any]] | None = self._cloudformation._RESOURCE_HANDLERS.get(name)  # noqa: SLF001
        return found
