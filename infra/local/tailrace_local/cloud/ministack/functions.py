"""Patches of Lambda: the execution of functions, their logs and their dead letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.ministack.cloudformation.resource_types import Handler, ResourceTypes
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.emulator_base.resources import ProvisionedResource

_SERVICE = "ministack.services.lambda_svc"
_LAMBDA = PrivateModule(
    _SERVICE,
    "_execute_function(func, event)",
    "_get_func_record_for_ref(function_ref)",
    "_functions: AccountRegionScopedDict",
    "_effective_func_record_for_qualifier(func, qualifier)",
)

Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]
"""Runs a function.

Gets MiniStack's record, the event and the request's id, and returns MiniStack's result.
"""
MaySend = Callable[[str, str], bool]
"""Returns whether a role may send to a queue, both given by their ARNs."""

_EXECUTE = Patch(
    _SERVICE,
    "_execute_function_warm(func, event, request_id)",
    corrects="MiniStack runs Python functions by a wrapper of its own, with credentials that may do everything.",
    why="Functions have to run as on AWS: the built artifact, under awslambdaric, with the function's role.",
    until="MiniStack lets an embedding process execute functions.",
)
_LOGS = Patch(
    _SERVICE,
    "_emit_lambda_logs(func, request_id, log_text, error, duration_ms, log_source)",
    corrects="MiniStack writes a function's log without asking whether the function's role may.",
    why="A function without permission for its log group would be seen to log, and lines would be written twice.",
    until="MiniStack lets an embedding process execute functions, or writes logs with the function's role.",
)
_DEAD_LETTER_CONFIG = Patch(
    "ministack.services.cloudformation.provisioners",
    "_RESOURCE_HANDLERS[AWS::Lambda::Function]: dict",
    corrects="MiniStack's CloudFormation drops the DeadLetterConfig that a template gives a function.",
    why="Events that fail for good would be lost here, and never on AWS.",
    until="DeadLetterConfig of a template is in the function's configuration.",
)
_ROUTE_FAILURE = Patch(
    _SERVICE,
    "_route_async_failure(target_arn, func_name, event, result)",
    corrects="MiniStack sends an event that failed for good to its queue whatever the function's role may do.",
    why="A role without sqs:SendMessage loses these events on AWS, and the tests of permissions have to see it.",
    until="MiniStack asks IAM for the function's role before it sends the event.",
)


class MiniStackFunctions:
    """MiniStack's records of functions."""

    def __init__(self) -> None:
        self._lambda = _LAMBDA.load()

    def invoke(self, function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function, with MiniStack's accounting of concurrency."""
        result: dict[str, Any] = self._lambda._execute_function(function, event)
        return result

    def find(self, account_id: str, region: str, name: str, qualifier: str | None) -> dict[str, Any] | None:
        """Return the record of a function's version or alias, with its `config` and `code_zip`."""
        found = self._lambda._functions.get_scoped(account_id, region, name)
        record, _ = self._lambda._effective_func_record_for_qualifier(found, qualifier)
        return record if isinstance(record, dict) else None

    def role(self, name_or_arn: str) -> str | None:
        """Return the ARN of a function's role; None for an unknown function."""
        record = self._record(name_or_arn)
        return None if record is None else str(record["config"]["Role"])

    def execute_with(self, execute: Execute) -> None:
        """Have `execute` run every invocation of a Python function.

        By Invoke, by schedules and by topics.
        """
        _EXECUTE.wrap(lambda _original, function, event, request_id: execute(function, event, request_id))

    def write_no_logs(self) -> None:
        """Leave functions' logs to their executor."""
        _LOGS.wrap(lambda *_, **__: None)

    def keep_dead_letter_queues(self, types: ResourceTypes) -> None:
        """Have CloudFormation keep the dead-letter queues of functions."""

        def keep(made: ProvisionedResource, properties: dict[str, Any]) -> ProvisionedResource:
            record = self._record(made[0])
            if record is not None:
                record["config"]["DeadLetterConfig"] = properties.get("DeadLetterConfig")
            return made

        def create(original: Handler, logical_id: str, properties: dict[str, Any], *more: Any) -> ProvisionedResource:
            return keep(original(logical_id, properties, *more), properties)

        def update(
            original: Handler, physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any
        ) -> ProvisionedResource:
            return keep(original(physical_id, old, new, *more), new)

        types.wrap(_DEAD_LETTER_CONFIG, create=create, update=update)

    def guard_dead_letters(self, may_send: MaySend) -> None:
        """Drop events that failed for good when the function's role may not send them."""

        def route(
            original: Callable[..., None], target: str, name: str, event: dict[str, Any], result: dict[str, Any]
        ) -> None:
            role = self.role(name)
            if role is None or may_send(role, target):
                original(target, name, event, result)

        _ROUTE_FAILURE.wrap(route)

    def _record(self, name_or_arn: str) -> dict[str, Any] | None:
        record: dict[str, Any] | None = self._lambda._get_func_record_for_ref(name_or_arn)[0]
        return record
