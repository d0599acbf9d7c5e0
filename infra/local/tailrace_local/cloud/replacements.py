"""What CloudFormation does to replaced resources of nested stacks, which MiniStack leaves out.

MiniStack cleans up after replacements in a root stack only, and forgets the attributes of a nested stack's unchanged
resources as soon as anything beside them changes.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from tailrace_local.cloud.emulators import ResourceHandlers
from tailrace_local.cloud.ministack import NESTED_STACK, MiniStack

_log = logging.getLogger("tailrace.cloud.cloudformation")

Made = tuple[str, dict[str, Any]]


class Replacements:
    """Predecessors of resources in nested stacks, deleted when the nested stack's update has succeeded.

    After a failed update they wait: the stack goes back to them, or past them with the next update that succeeds.
    """

    def __init__(self, ministack: MiniStack) -> None:
        self._ministack = ministack
        self._superseded: dict[str, list[tuple[ResourceHandlers, str, Mapping[str, Any]]]] = defaultdict(list)
        self._lock = threading.Lock()

    def teach(self, types: Mapping[str, ResourceHandlers]) -> None:
        """Have CloudFormation provision types of ours, in root and nested stacks alike."""
        self._ministack.keep_attributes_in_nested_stacks()
        for name, handlers in types.items():
            self._ministack.add_resource_type(
                name, {"create": handlers.create, "update": self._updating(handlers), "delete": handlers.delete}
            )
        stock = self._ministack.resource_type(NESTED_STACK)
        if stock is None:
            raise TypeError(f"MiniStack should know {NESTED_STACK}")
        self._ministack.add_resource_type(
            NESTED_STACK,
            {**stock, "update": self._cleaning(stock["update"]), "delete": self._cleaning(stock["delete"])},
        )

    def _updating(self, handlers: ResourceHandlers) -> Callable[..., Made]:
        def update(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str) -> Made:
            made = handlers.update(physical_id, old, new, stack)
            if made[0] != physical_id and self._ministack.deletes_predecessors_itself():
                with self._lock:
                    self._superseded[stack].append((handlers, physical_id, old))
            return made

        return update

    def _cleaning(self, stock: Callable[..., Any]) -> Callable[..., Any]:
        def change(physical_id: str, *arguments: Any) -> Any:
            made = stock(physical_id, *arguments)
            stack, current = self._ministack.nested_stack(physical_id)
            with self._lock:
                superseded = self._superseded.pop(stack, [])
            for handlers, predecessor, properties in reversed(superseded):
                if predecessor not in current:
                    _delete(handlers, predecessor, properties)
            return made

        return change


def _delete(handlers: ResourceHandlers, physical_id: str, properties: Mapping[str, Any]) -> None:
    try:
        handlers.delete(physical_id, properties)
    except Exception as error:  # noqa: BLE001 - as CloudFormation: the update has succeeded, the clean-up has not
        _log.warning("the replaced %s could not be deleted: %s", physical_id, error)
