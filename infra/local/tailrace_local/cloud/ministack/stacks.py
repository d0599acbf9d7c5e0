"""MiniStack's private names for CloudFormation's stacks, in one place, as `ministack` has the others."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.ministack.identities import replace

_PACKAGE = "ministack.services.cloudformation"
_STACK = "AWS::CloudFormation::Stack"
# What MiniStack keeps of a stack to roll an update back.
_KEPT = (
    *("_resources", "_template", "_template_body", "_resolved_params", "_conditions"),
    *("Parameters", "Tags", "Outputs"),
)

Record = dict[str, Any]
Delete = Callable[..., None]


@dataclass(frozen=True)
class Source:
    """A template that was fetched and read."""

    body: str
    template: dict[str, Any]


class MiniStackStacks:
    """The records of stacks, and what is done to them."""

    def __init__(self) -> None:
        self._package: Any = importlib.import_module(_PACKAGE)
        self._stacks: Any = importlib.import_module(f"{_PACKAGE}.stacks")
        self._provisioners: Any = importlib.import_module(f"{_PACKAGE}.provisioners")
        self._engine: Any = importlib.import_module(f"{_PACKAGE}.engine")

    def find(self, name_or_id: str) -> Record | None:
        """The record of a stack."""
        name = self._provisioners._nested_stack_lookup_name(name_or_id)  # noqa: SLF001 - no public way in
        found: Record | None = self._package._stacks.get(name)  # noqa: SLF001 - as above
        return found

    def statuses(self) -> dict[str, str]:
        """The status of every stack of the account and region at work, by name."""
        records = self._package._stacks.items()  # noqa: SLF001 - no public way in
        return {name: str(record["StackStatus"]) for name, record in records}

    def keep(self, record: Record) -> None:
        """Put a new stack beside the others."""
        self._package._stacks[record["StackName"]] = record  # noqa: SLF001 - no public way in

    def fetch(self, url: str, parent: str) -> Source:
        """The template at a URL. Raises ValueError when it cannot be had, or needs more than the parent was granted."""
        helpers = importlib.import_module(f"{_PACKAGE}.helpers")
        body, refused = helpers._resolve_template({"TemplateURL": [url]})  # noqa: SLF001 - no public way in
        if refused is not None or not body:
            raise ValueError(f"S3 error: the template at {url} could not be read")
        template = self._engine._parse_template(body)  # noqa: SLF001 - as above
        self._provisioners._check_nested_stack_capabilities(parent, template)  # noqa: SLF001 - as above
        return Source(body, template)

    def parameters(self, template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """A template's parameters with their values. Raises ValueError for those that it does not take."""
        if any(isinstance(value, list) for value in given.values()):
            raise ValueError("Value of property Parameters must be an object with String (or simple type) properties")
        provided = [{"Key": key, "Value": "" if value is None else str(value)} for key, value in given.items()]
        found: dict[str, dict[str, Any]] = self._engine._resolve_parameters(template, provided)  # noqa: SLF001 - as above
        return found

    def conditions(self, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, bool]:
        """A template's conditions."""
        found: dict[str, bool] = self._engine._evaluate_conditions(template, parameters)  # noqa: SLF001 - as above
        return found

    def inherited_capabilities(self, parent: str) -> list[str]:
        """What was acknowledged for a stack holds for those nested in it."""
        found: list[str] = self._provisioners._inherited_capabilities(parent)  # noqa: SLF001 - no public way in
        return found

    def new_id(self) -> str:
        """A UUID."""
        return str(self._stacks.new_uuid())

    def arn(self, name: str) -> str:
        """A new stack's id, in the account and region at work."""
        region, account = self._provisioners.get_region(), self._provisioners.get_account_id()
        return f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{self.new_id()}"

    def now(self) -> str:
        """The time as records have it."""
        return str(self._stacks.now_iso())

    def event(self, record: Mapping[str, Any], status: str, reason: str = "") -> None:
        """Say what happens to a stack as a whole."""
        name, stack_id = record["StackName"], record["StackId"]
        self._stacks._add_event(stack_id, name, name, _STACK, status, reason, stack_id)  # noqa: SLF001 - as above

    def events(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What has happened to a stack, oldest first."""
        found: list[dict[str, Any]] = self._package._stack_events.get(record["StackId"], [])  # noqa: SLF001 - as above
        return found

    def snapshot(self, record: Mapping[str, Any]) -> Record:
        """What a failed update goes back to."""
        return {name: copy.deepcopy(record.get(name)) for name in _KEPT if name in record}

    def deploy(self, record: Record, previous: Record | None) -> None:
        """Create or update a stack by its record, to the end, rolled back when it fails. Blocks."""
        self._run(
            self._stacks._deploy_stack_async(  # noqa: SLF001 - no public way in
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

    def take_back(self, record: Record, previous: Record) -> None:
        """Undo an update that succeeded, because what it was part of failed. Blocks."""
        before = previous["_resources"]
        order = self._engine._topological_sort(  # noqa: SLF001 - no public way in
            record["_template"]["Resources"], record["_conditions"]
        )
        held = [logical_id for logical_id in order if logical_id in record["_resources"]]
        replaced = [
            logical_id
            for logical_id in held
            if logical_id in before
            and before[logical_id]["PhysicalResourceId"] != record["_resources"][logical_id]["PhysicalResourceId"]
        ]
        operation = self._stacks._failed_operation(  # noqa: SLF001 - no public way in
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
        self._run(
            self._stacks._roll_back_operation(record["StackName"], record["StackId"], record, operation)  # noqa: SLF001
        )

    def delete(self, record: Record) -> None:
        """Delete a stack, to the end. Blocks."""
        self._run(self._stacks._delete_stack_async(record["StackName"], record["StackId"]))  # noqa: SLF001 - as above

    def delete_resources_with(self, wrap: Callable[[Delete], Delete]) -> Delete:
        """Have resources of stacks deleted by what `wrap` makes of their deletion; answers that deletion."""
        stock: Delete = self._stacks._delete_resource  # noqa: SLF001 - no public way in
        replace(self._stacks, "_delete_resource", wrap(stock))
        return stock

    def finish_updates_with(
        self, unfinished: Callable[[Record], bool], finish: Callable[[Record], Awaitable[None]]
    ) -> None:
        """Have updates that succeeded and are `unfinished` clean up by `finish` before they are complete."""
        add_event, deploy = self._stacks._add_event, self._stacks._deploy_stack_async  # noqa: SLF001 - no public way in

        def adding(stack_id: str, name: str, logical_id: str, kind: str, status: str, *more: Any, **named: Any) -> None:
            record = self.find(name)
            if logical_id == name and status == "UPDATE_COMPLETE" and record and unfinished(record):
                status = record["StackStatus"] = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            add_event(stack_id, name, logical_id, kind, status, *more, **named)

        async def deploying(name: str, *arguments: Any, **named: Any) -> None:
            await deploy(name, *arguments, **named)
            record = self.find(name)
            if record is None:
                return
            await finish(record)
            if record["StackStatus"] == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
                record["StackStatus"] = "UPDATE_COMPLETE"
                self.event(record, "UPDATE_COMPLETE")

        replace(self._stacks, "_add_event", adding)
        for module in ("stacks", "handlers", "changesets"):
            replace(importlib.import_module(f"{_PACKAGE}.{module}"), "_deploy_stack_async", deploying)

    async def in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do what blocks, and may ask this cloud for something, in a thread of its own."""
        await importlib.import_module("ministack.core.concurrency").run_reentrant(work, *arguments)

    def _run(self, work: Awaitable[None]) -> None:
        """Run MiniStack's work on a stack on a loop of its own: whoever provisions a nested stack has a thread."""

        async def whole() -> None:
            # The parent's, which are about the parent's resource: a nested stack's are its own.
            self._provisioners._DEFERRED_PREDECESSOR_DELETES.set(None)  # noqa: SLF001 - no public way in
            self._provisioners._RETAIN_REPLACED.set(False)  # noqa: SLF001 - as above
            await work

        contextvars.copy_context().run(asyncio.run, whole())
