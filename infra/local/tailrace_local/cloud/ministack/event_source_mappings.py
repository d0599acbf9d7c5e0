"""Patches of Lambda's event source mappings: polling of queues, and the permissions of roles."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from tailrace_local.cloud.ministack.cloudformation.resource_types import Handler, ResourceTypes
from tailrace_local.cloud.ministack.functions import MiniStackFunctions
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.emulator_base.resources import ProvisionedResource

_SERVICE = "ministack.services.lambda_svc"
_LAMBDA = PrivateModule(_SERVICE, "_iter_all_esms()", "_apply_filter_criteria(records, esm)")

Refusal = Callable[[str, str], str | None]
"""Returns the reason why a role cannot read a queue, both given by their ARNs; None when it can."""

_POLLER = Patch(
    _SERVICE,
    "_poll_sqs()",
    corrects="MiniStack's poller deletes messages whose answer is malformed, where AWS returns the whole batch.",
    why="A consumer with such an answer would lose messages here only; and the poller asks for no permission.",
    until="MiniStack's poller follows AWS's rules for partial batch responses and reads with the function's role.",
)
_CREATE = Patch(
    _SERVICE,
    "_create_esm(data)",
    corrects="MiniStack creates a mapping whose function's role may not read the queue.",
    why="AWS refuses it with InvalidParameterValueException.",
    until="MiniStack asks IAM for the function's role when a mapping is created.",
)
_CREATE_IN_STACK = Patch(
    "ministack.services.cloudformation.provisioners",
    "_RESOURCE_HANDLERS[AWS::Lambda::EventSourceMapping]: dict",
    corrects="MiniStack's CloudFormation creates a mapping whose function's role may not read the queue.",
    why="A template that lacks the permission would deploy here and fail on AWS.",
    until="MiniStack asks IAM for the function's role when a mapping is created.",
)


class MiniStackMappings:
    """MiniStack's records of event source mappings."""

    def __init__(self, functions: MiniStackFunctions) -> None:
        self._functions = functions
        self._lambda = _LAMBDA.load()

    def all(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield account, region and record of every mapping."""
        yield from self._lambda._iter_all_esms()

    def matching(self, records: list[dict[str, Any]], mapping: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the records that pass a mapping's FilterCriteria."""
        kept: list[dict[str, Any]] = self._lambda._apply_filter_criteria(records, mapping)
        return kept

    def stop_polling_queues(self) -> None:
        """Turn MiniStack's poller of queues off. Its pollers of streams stay."""
        _POLLER.wrap(lambda _original: False)

    def guard(self, types: ResourceTypes, refusal: Refusal) -> None:
        """Refuse mappings of queues, by API and CloudFormation, for `refusal`'s reasons."""
        error = importlib.import_module("ministack.core.responses").error_response_json

        def reason(request: dict[str, Any]) -> str | None:
            queue = str(request.get("EventSourceArn", ""))
            role = self._functions.role(request.get("FunctionName", ""))
            return refusal(role, queue) if role is not None and ":sqs:" in queue else None

        def create(original: Callable[..., Any], request: dict[str, Any]) -> Any:
            found = reason(request)
            return error("InvalidParameterValueException", found) if found else original(request)

        def create_in_stack(
            original: Handler, logical_id: str, properties: dict[str, Any], stack_name: str
        ) -> ProvisionedResource:
            if found := reason(properties):
                raise ValueError(found)
            made: ProvisionedResource = original(logical_id, properties, stack_name)
            return made

        _CREATE.wrap(create)
        types.wrap(_CREATE_IN_STACK, create=create_in_stack)
