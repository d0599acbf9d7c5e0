"""MiniStack's records of stacks, and the functions that deploy, roll back and delete them."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_PACKAGE = "ministack.services.cloudformation"
_RECORDS = PrivateModule(_PACKAGE, "_stacks: AccountRegionScopedDict", "_stack_events: AccountRegionScopedDict")
_STACKS = PrivateModule(
    f"{_PACKAGE}.stacks",
    "_add_event(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)",
    "_deploy_stack_async(stack_name, stack_id, template, param_values, disable_rollback, tags, is_update, "
    "previous_stack, retain_except_on_create, imports)",
    "_delete_stack_async(stack_name, stack_id, retain_resources, force)",
    "_failed_operation(is_update, previous_stack, created, failed_update, failed_logical_id, replaced_ids, cancelled, "
    "template, param_values, retain_except_on_create, stack_tags, previous_tags, imports)",
    "_roll_back_operation(stack_name, stack_id, stack, operation, reason_override)",
)
_PROVISIONERS = PrivateModule(
    f"{_PACKAGE}.provisioners",
    "_nested_stack_lookup_name(physical_id_or_arn)",
    "_check_nested_stack_capabilities(parent_stack_name, template)",
    "_inherited_capabilities(parent_stack_name)",
    "_DEFERRED_PREDECESSOR_DELETES: ContextVar",
    "_RETAIN_REPLACED: ContextVar",
)
_ENGINE = PrivateModule(
    f"{_PACKAGE}.engine",
    "_parse_template(template_body)",
    "_resolve_parameters(template, provided_params, previous_params)",
    "_evaluate_conditions(template, params)",
    "_topological_sort(resources, conditions)",
    "_apply_transforms(template, provided_params, previous_params)",
)
_HELPERS = PrivateModule(f"{_PACKAGE}.helpers", "_resolve_template(params)")
_DELETE_RESOURCE = Patch(
    f"{_PACKAGE}.stacks",
    "_delete_resource(resource_type, physical_id, props, stack_name, logical_id)",
    corrects="MiniStack deletes what a nested stack's update replaced as soon as that nested stack is updated.",
    why="A failure elsewhere in the root's update has to roll the nested stack back to what was replaced.",
    until="MiniStack defers these deletions until the root's update has succeeded.",
)
_ADD_EVENT = Patch(
    f"{_PACKAGE}.stacks",
    "_add_event(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)",
    corrects="MiniStack reports UPDATE_COMPLETE before what nested stacks left behind is deleted.",
    why="AWS reports UPDATE_COMPLETE_CLEANUP_IN_PROGRESS first, and a waiter must not return before the clean-up.",
    until="MiniStack defers these deletions until the root's update has succeeded.",
)
_DEPLOY = Patch(
    f"{_PACKAGE}.stacks",
    "_deploy_stack_async(stack_name, stack_id, template, param_values, disable_rollback, tags, is_update, "
    "previous_stack, retain_except_on_create, imports)",
    corrects="MiniStack ends a root's update without deleting what updates of nested stacks left behind.",
    why="The deletions that `_delete_resource` defers have to happen once the root's update has succeeded.",
    until="MiniStack defers these deletions until the root's update has succeeded.",
    imported_by=(f"{_PACKAGE}.handlers", f"{_PACKAGE}.changesets"),
)
_STACK = "AWS::CloudFormation::Stack"
# MiniStack rolls an update back by these entries of the record before it.
_SNAPSHOT_KEYS = (
    *("_resources", "_template", "_template_body", "_resolved_params", "_conditions"),
    *("Parameters", "Tags", "Outputs"),
)

Record = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A template: its text, and its parsed form."""

    body: str
    template: dict[str, Any]


class MiniStackStacks:
    """The records of stacks, and MiniStack's operations on them."""

    def __init__(self) -> None:
        self._package = _RECORDS.load()
        self._stacks = _STACKS.load()
        self._provisioners = _PROVISIONERS.load()
        self._engine = _ENGINE.load()
        self._helpers = _HELPERS.load()

    def find(self, name_or_id: str) -> Record | None:
        """Return the record of a stack; None when there is none."""
        name = self._provisioners._nested_stack_lookup_name(name_or_id)
        found: Record | None = self._package._stacks.get(name)
        return found

    def statuses(self) -> dict[str, str]:
        """Return the status of every stack of the thread's account and region, by name."""
        records = self._package._stacks.items()
        return {name: str(record["StackStatus"]) for name, record in records}

    def add(self, record: Record) -> None:
        """Add the record of a new stack."""
        self._package._stacks[record["StackName"]] = record

    def fetch(self, url: str, parent: str) -> Source:
        """Fetch and parse the template at a URL, and apply the transforms that it declares.

        Raises:
            ValueError: it cannot be read or transformed, or needs capabilities that its parent was
                not granted.
        """
        body, refused = self._helpers._resolve_template({"TemplateURL": [url]})
        if refused is not None or not body:
            raise ValueError(f"S3 error: the template at {url} could not be read")
        template = self._engine._apply_transforms(self._engine._parse_template(body))
        self._provisioners._check_nested_stack_capabilities(parent, template)
        return Source(body, template)

    def parameters(self, template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return a template's parameters with their values.

        Raises ValueError for values that it does not take.
        """
        if any(isinstance(value, list) for value in given.values()):
            raise ValueError("Value of property Parameters must be an object with String (or simple type) properties")
        provided = [{"Key": key, "Value": "" if value is None else str(value)} for key, value in given.items()]
        found: dict[str, dict[str, Any]] = self._engine._resolve_parameters(template, provided)
        return found

    def conditions(self, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, bool]:
        """Evaluate a template's conditions."""
        found: dict[str, bool] = self._engine._evaluate_conditions(template, parameters)
        return found

    def inherited_capabilities(self, parent: str) -> list[str]:
        """Return the capabilities that were acknowledged for a stack.

        They hold for the stacks nested in it.
        """
        found: list[str] = self._provisioners._inherited_capabilities(parent)
        return found

    def new_id(self) -> str:
        """Return a new UUID."""
        return str(self._stacks.new_uuid())

    def arn(self, name: str) -> str:
        """Return the id for a new stack, in the account and region that the thread speaks for."""
        region, account = self._provisioners.get_region(), self._provisioners.get_account_id()
        return f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{self.new_id()}"

    def now(self) -> str:
        """Return the current time, as records hold it."""
        return str(self._stacks.now_iso())

    def add_event(self, record: Mapping[str, Any], status: str, reason: str = "") -> None:
        """Add an event about a stack as a whole."""
        name, stack_id = record["StackName"], record["StackId"]
        self._stacks._add_event(stack_id, name, name, _STACK, status, reason, stack_id)

    def events(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a stack's events, oldest first."""
        found: list[dict[str, Any]] = self._package._stack_events.get(record["StackId"], [])
        return found

    def snapshot(self, record: Mapping[str, Any]) -> Record:
        """Copy the entries of a record that a rollback needs."""
        return {name: copy.deepcopy(record.get(name)) for name in _SNAPSHOT_KEYS if name in record}

    def deploy(self, record: Record, previous: Record | None) -> None:
        """Create or update a stack as its record says, and roll it back if that fails.

        Blocks until it has ended.
        """
        self._run(
            self._stacks._deploy_stack_async(
                record["StackName"],
                record["StackId"],
                record["_template"],
                record["_resolved_params"],
                record["DisableRollback"],
                record["Tags"],
                is_update=previous is not None,
                previous_stack=previous,
            )
        )

    def undo_update(self, record: Record, previous: Record) -> None:
        """Undo an update that succeeded, because its parent's update failed.

        Blocks until it has ended.
        """
        before = previous["_resources"]
        order = self._engine._topological_sort(record["_template"]["Resources"], record["_conditions"])
        held = [logical_id for logical_id in order if logical_id in record["_resources"]]
        replaced = [
            logical_id
            for logical_id in held
            if logical_id in before
            and before[logical_id]["PhysicalResourceId"] != record["_resources"][logical_id]["PhysicalResourceId"]
        ]
        operation = self._stacks._failed_operation(
            is_update=True,
            previous_stack=previous,
            created=held,
            failed_update=None,
            failed_logical_id=None,
            replaced_ids=replaced,
            cancelled=False,
            template=record["_template"],
            param_values=record["_resolved_params"],
            retain_except_on_create=False,
            stack_tags=record["Tags"],
            previous_tags=previous.get("Tags"),
        )
        self._run(self._stacks._roll_back_operation(record["StackName"], record["StackId"], record, operation))

    def delete(self, record: Record) -> None:
        """Delete a stack. Blocks until it has ended."""
        self._run(self._stacks._delete_stack_async(record["StackName"], record["StackId"]))

    def delete_resources_with(self, delete: Callable[..., None]) -> None:
        """Have `delete` delete the resources of stacks.

        It is called with MiniStack's own deletion first.
        """
        _DELETE_RESOURCE.wrap(delete)

    def finish_updates_with(
        self, unfinished: Callable[[Record], bool], finish: Callable[[Record], Awaitable[None]]
    ) -> None:
        """Have `finish` clean up before an `unfinished` update that succeeded is complete."""

        def add_event(
            original: Callable[..., None],
            stack_id: str,
            name: str,
            logical_id: str,
            kind: str,
            status: str,
            *more: Any,
            **named: Any,
        ) -> None:
            record = self.find(name)
            if logical_id == name and status == "UPDATE_COMPLETE" and record and unfinished(record):
                status = record["StackStatus"] = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            original(stack_id, name, logical_id, kind, status, *more, **named)

        async def deploy(original: Callable[..., Awaitable[None]], name: str, *arguments: Any, **named: Any) -> None:
            await original(name, *arguments, **named)
            record = self.find(name)
            if record is None:
                return
            await finish(record)
            if record["StackStatus"] == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
                record["StackStatus"] = "UPDATE_COMPLETE"
                self.add_event(record, "UPDATE_COMPLETE")

        _ADD_EVENT.wrap(add_event)
        _DEPLOY.wrap(deploy)

    async def in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run blocking work, which may call this cloud, in a thread of its own."""
        await importlib.import_module("ministack.core.concurrency").run_reentrant(work, *arguments)

    def _run(self, work: Awaitable[None]) -> None:
        """Run MiniStack's work on a stack on a new event loop.

        The caller is a worker thread, which has none.
        """

        async def whole() -> None:
            # The context's values are about the parent's resource. A nested stack starts with its
            # own.
            self._provisioners._DEFERRED_PREDECESSOR_DELETES.set(None)
            self._provisioners._RETAIN_REPLACED.set(False)
            await work

        contextvars.copy_context().run(asyncio.run, whole())
