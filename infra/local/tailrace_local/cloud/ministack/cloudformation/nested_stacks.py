"""AWS::CloudFormation::Stack: deploys, rolls back and deletes nested stacks as roots.

Source: AWS's "Nested stacks" and "Updating nested stacks", and the events that an account shows.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tailrace_local.cloud.ministack.cloudformation.resource_types import ResourceTypes
from tailrace_local.cloud.ministack.cloudformation.stacks import MiniStackStacks, Record
from tailrace_local.cloud.ministack.patching import Patch
from tailrace_local.emulator_base.resources import ProvisionedResource, ResourceHandlers

_log = logging.getLogger("tailrace.cloud.cloudformation")

NESTED_STACK = "AWS::CloudFormation::Stack"
_NESTED_STACK = Patch(
    "ministack.services.cloudformation.provisioners",
    f"_RESOURCE_HANDLERS[{NESTED_STACK}]: dict",
    corrects=(
        "MiniStack provisions nested stacks in a simpler way than roots: a failure leaves the resources that were "
        "made, a deletion ignores deletion policies, and a failure of the parent does not restore what an update "
        "replaced."
    ),
    why="An update that fails half way would leave another state here than on AWS.",
    until="MiniStack deploys, rolls back and deletes nested stacks by the code that it has for roots.",
)
_BEFORE = "_tailrace_before"


class NestedStacks:
    """Provisions AWS::CloudFormation::Stack."""

    def __init__(self, stacks: MiniStackStacks) -> None:
        self._stacks = stacks
        self._lock = threading.Lock()
        # Deferred deletions by children's updates, by the root whose update has to succeed first.
        self._superseded: dict[str, list[tuple[str, partial[None]]]] = defaultdict(list)

    def install(self, types: ResourceTypes) -> None:
        """Have CloudFormation provision nested stacks by these handlers."""
        types.replace(_NESTED_STACK, ResourceHandlers(self.create, self.update, self.delete))
        self._stacks.delete_resources_with(self._defer_deletion)
        self._stacks.finish_updates_with(lambda root: bool(self._superseded.get(root["StackName"])), self._finish)

    def create(self, logical_id: str, properties: Mapping[str, Any], parent: str) -> ProvisionedResource:
        """Deploy a child. One that fails is rolled back and deleted."""
        name = f"{parent}-{logical_id}-{self._stacks.new_id()[:12]}"
        record = self._new(name, parent, properties)
        self._stacks.add(record)
        self._begin(record, "CREATE")
        self._stacks.deploy(record, None)
        if record["StackStatus"] != "CREATE_COMPLETE":
            reason = self._failure(record, "create")
            if not record["DisableRollback"]:
                self._stacks.delete(record)
            raise ValueError(reason)
        return record["StackId"], _outputs(record)

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], parent: str
    ) -> ProvisionedResource:
        """Update a child, or undo its last update when the parent rolls back."""
        del old
        record = self._record(physical_id)
        if "ROLLBACK" in self._record(parent)["StackStatus"]:
            self._undo_update(record)
            return record["StackId"], _outputs(record)
        before, seen = self._stacks.snapshot(record), len(self._stacks.events(record))
        record.update(self._described(new, parent))
        self._begin(record, "UPDATE")
        self._stacks.deploy(record, before)
        if record["StackStatus"] != "UPDATE_COMPLETE":
            record["_conditions"] = before["_conditions"]
            raise ValueError(self._failure(record, "update", seen))
        record[_BEFORE] = before
        return record["StackId"], _outputs(record)

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        """Delete a child. Raises ValueError when a resource could not be deleted."""
        del properties
        record = self._stacks.find(physical_id)
        if record is None or record["StackStatus"] == "DELETE_COMPLETE":
            return
        self._stacks.delete(record)
        if record["StackStatus"] != "DELETE_COMPLETE":
            raise ValueError(
                f"Embedded stack {record['StackId']} was not successfully deleted: {record['StackStatusReason']}"
            )

    def _new(self, name: str, parent: str, properties: Mapping[str, Any]) -> Record:
        above = self._record(parent)
        return {
            "StackName": name,
            "StackId": self._stacks.arn(name),
            "StackStatusReason": "",
            "CreationTime": self._stacks.now(),
            "DisableRollback": bool(above.get("DisableRollback")),
            "ParentId": above["StackId"],
            "RootId": above.get("RootId") or above["StackId"],
            "Outputs": [],
            "_parent_stack_name": parent,
            "_resources": {},
            **self._described(properties, parent),
        }

    def _described(self, properties: Mapping[str, Any], parent: str) -> Record:
        """Return the entries of a child's record that come from its properties."""
        source = self._stacks.fetch(str(properties["TemplateURL"]), parent)
        parameters = self._stacks.parameters(source.template, properties.get("Parameters") or {})
        return {
            "Description": source.template.get("Description", ""),
            "LastUpdatedTime": self._stacks.now(),
            "Capabilities": self._stacks.inherited_capabilities(parent),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value["Value"], "NoEcho": value["NoEcho"]}
                for key, value in parameters.items()
            ],
            "Tags": [tag for tag in properties.get("Tags") or [] if not tag["Key"].startswith("aws:")],
            "_template": source.template,
            "_template_body": source.body,
            "_resolved_params": parameters,
            "_conditions": self._stacks.conditions(source.template, parameters),
        }

    def _begin(self, record: Record, verb: str) -> None:
        record["StackStatus"] = f"{verb}_IN_PROGRESS"
        self._stacks.add_event(record, f"{verb}_IN_PROGRESS")

    def _failure(self, record: Record, verb: str, seen: int = 0) -> str:
        """Return AWS's message for the parent: which resources failed.

        The reasons are in the child's own events.
        """
        events = self._stacks.events(record)[seen:]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        names = dict.fromkeys(event["LogicalResourceId"] for event in failed)
        names.pop(record["StackName"], None)
        why = (
            f"The following resource(s) failed to {verb}: [{', '.join(names)}]. "
            if names
            else "; ".join(event["ResourceStatusReason"] for event in failed)
        )
        return f"Embedded stack {record['StackId']} was not successfully {verb}d: {why}"

    def _undo_update(self, record: Record) -> None:
        before = record.pop(_BEFORE, None)
        if before is None:
            return  # its own update failed, and was rolled back then
        with self._lock:
            waiting = self._superseded.get(self._root(record), [])
            waiting[:] = [found for found in waiting if found[0] != record["StackName"]]
        self._stacks.undo_update(record, before)
        record["_conditions"] = before["_conditions"]

    def _defer_deletion(
        self, original: Callable[..., None], kind: str, physical_id: str, properties: Any, stack: str, logical_id: str
    ) -> None:
        """Delete a resource.

        Deletions by a child's update wait until its root's update has succeeded.
        """
        record = self._stacks.find(stack)
        if record and record.get("ParentId") and record["StackStatus"] == "UPDATE_IN_PROGRESS":
            later = partial(original, kind, physical_id, properties, stack, logical_id)
            with self._lock:
                self._superseded[self._root(record)].append((stack, later))
        else:
            original(kind, physical_id, properties, stack, logical_id)

    async def _finish(self, stack: Record) -> None:
        """Clean up after a root's operation. A child's clean-up waits for its root's."""
        if stack.get("ParentId") or stack["StackStatus"] == "UPDATE_FAILED":
            return  # an update that was left failed can still be rolled back
        for child in self._children(stack):
            child.pop(_BEFORE, None)
        with self._lock:
            waiting = self._superseded.pop(stack["StackName"], [])
        # In the order of the updates: a child's dependents come first.
        for _, delete in waiting:
            await self._stacks.in_thread(_try_delete, delete)

    def _children(self, stack: Record) -> list[Record]:
        found = []
        for resource in stack.get("_resources", {}).values():
            child = self._stacks.find(resource["PhysicalResourceId"])
            if resource["ResourceType"] == NESTED_STACK and child is not None:
                found += [child, *self._children(child)]
        return found

    def _root(self, record: Record) -> str:
        while parent := record.get("_parent_stack_name"):
            record = self._record(parent)
        return str(record["StackName"])

    def _record(self, name_or_id: str) -> Record:
        record = self._stacks.find(name_or_id)
        if record is None:
            raise ValueError(f"Stack [{name_or_id}] does not exist")
        return record


def _outputs(record: Mapping[str, Any]) -> dict[str, Any]:
    return {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in record["Outputs"]}


def _try_delete(delete: partial[None]) -> None:
    try:
        delete()
    except Exception as error:  # noqa: BLE001 - as on AWS, a failed clean-up fails no update
        _log.warning("%s could not be deleted after the update: %s", delete.args[1], error)
