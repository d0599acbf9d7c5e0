"""Types that a template may name and nothing here acts on: they are recorded, and said to be only that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.ministack.core import MiniStack

_log = logging.getLogger("tailrace.cloud.declared")

TYPES = (
    "AWS::Logs::QueryDefinition",
    "AWS::SQS::QueueInlinePolicy",
)

Handlers = dict[str, Callable[..., Any]]


class DeclaredResources:
    """What was declared and has no effect, by physical id; `status` lists it."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def install(self, ministack: MiniStack) -> None:
        """Teach CloudFormation the types that it does not know."""
        for name in TYPES:
            if ministack.resource_type(name) is None:
                ministack.add_resource_type(name, self._handlers(name))

    def listed(self) -> list[dict[str, Any]]:
        """Type, physical id and stack of each."""
        with self._lock:
            return [{"id": key, **value} for key, value in self._found.items()]

    def _handlers(self, resource_type: str) -> Handlers:
        def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
            physical_id = _physical_id(logical_id, properties, stack)
            with self._lock:
                self._found[physical_id] = {"type": resource_type, "stack": stack}
            _log.warning("%s %s is recorded; nothing here acts on it yet", resource_type, physical_id)
            return physical_id, _attributes(resource_type, physical_id)

        def update(
            physical_id: str, _old: dict[str, Any], _new: dict[str, Any], _stack: str
        ) -> tuple[str, dict[str, Any]]:
            return physical_id, _attributes(resource_type, physical_id)

        def delete(physical_id: str, _properties: dict[str, Any]) -> None:
            with self._lock:
                self._found.pop(physical_id, None)

        return {"create": create, "update": update, "delete": delete}


def _physical_id(logical_id: str, properties: dict[str, Any], stack: str) -> str:
    return str(properties.get("Name") or f"{stack}-{logical_id}")


def _attributes(resource_type: str, physical_id: str) -> dict[str, Any]:
    return {"Arn": f"arn:aws:local:::{resource_type.rsplit('::', 1)[-1].lower()}/{physical_id}", "Id": physical_id}
