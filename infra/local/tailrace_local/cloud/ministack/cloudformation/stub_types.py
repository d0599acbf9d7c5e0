"""Stubs of resource types that a template may name and nothing here acts on."""

from __future__ import annotations

import logging
import threading
from typing import Any

from tailrace_local.cloud.ministack.cloudformation.resource_types import ResourceTypes
from tailrace_local.emulator_base.resources import Properties, ProvisionedResource, ResourceHandlers

_log = logging.getLogger("tailrace.cloud.declared")

TYPES = (
    "AWS::Logs::QueryDefinition",
    "AWS::SQS::QueueInlinePolicy",
)


class StubResources:
    """Records resources that have no effect, by physical id; `tailrace local status` lists them."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def install(self, types: ResourceTypes) -> None:
        """Add the types that MiniStack does not know."""
        types.add({name: self._handlers(name) for name in TYPES if types.find(name) is None})

    def listed(self) -> list[dict[str, Any]]:
        """Return type, physical id and stack of each."""
        with self._lock:
            return [{"id": key, **value} for key, value in self._found.items()]

    def _handlers(self, resource_type: str) -> ResourceHandlers:
        def create(logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:
            physical_id = str(properties.get("Name") or f"{stack_name}-{logical_id}")
            with self._lock:
                self._found[physical_id] = {"type": resource_type, "stack": stack_name}
            _log.warning("%s %s is recorded; nothing here acts on it yet", resource_type, physical_id)
            return physical_id, _attributes(resource_type, physical_id)

        def update(physical_id: str, _old: Properties, _new: Properties, _stack_name: str) -> ProvisionedResource:
            return physical_id, _attributes(resource_type, physical_id)

        def delete(physical_id: str, _properties: Properties) -> None:
            with self._lock:
                self._found.pop(physical_id, None)

        return ResourceHandlers(create, update, delete)


def _attributes(resource_type: str, physical_id: str) -> dict[str, Any]:
    return {"Arn": f"arn:aws:local:::{resource_type.rsplit('::', 1)[-1].lower()}/{physical_id}", "Id": physical_id}
