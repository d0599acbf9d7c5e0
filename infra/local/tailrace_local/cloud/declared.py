"""Types that a template may name and nothing here acts on yet: they are recorded, and said to be only that.

Autoscaling and composite or computed alarms have their place here until something evaluates them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.ministack import MiniStack

_log = logging.getLogger("tailrace.cloud.declared")

TYPES = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Logs::QueryDefinition",
    "AWS::SQS::QueueInlinePolicy",
)
_ALARM = "AWS::CloudWatch::Alarm"

Handlers = dict[str, Callable[..., Any]]


class DeclaredResources:
    """What was declared and has no effect, by physical id; `status` lists it."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def install(self, ministack: MiniStack) -> None:
        """Teach CloudFormation the types that it does not know, and the alarms that it refuses."""
        for name in TYPES:
            if ministack.resource_type(name) is None:
                ministack.add_resource_type(name, self._handlers(name))
        stock = ministack.resource_type(_ALARM)
        if stock is not None:
            ministack.add_resource_type(_ALARM, self._alarms(stock))

    def listed(self) -> list[dict[str, Any]]:
        """Type, physical id and stack of each."""
        with self._lock:
            return [{"id": key, **value} for key, value in self._found.items()]

    def _handlers(self, resource_type: str) -> Handlers:
        def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
            physical_id = _physical_id(resource_type, logical_id, properties, stack)
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

    def _alarms(self, stock: Handlers) -> Handlers:
        """Alarms on one metric stay MiniStack's; alarms on metric math, which it refuses, are recorded."""
        ours = self._handlers(_ALARM)

        def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
            return (ours if "Metrics" in properties else stock)["create"](logical_id, properties, stack)

        def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
            if "Metrics" in old or "Metrics" in new or "update" not in stock:
                logical_id = physical_id.removeprefix(f"{stack}-")
                return (ours if "Metrics" in new else stock)["create"](logical_id, new, stack)
            return stock["update"](physical_id, old, new, stack)

        def delete(physical_id: str, properties: dict[str, Any]) -> Any:
            return (ours if "Metrics" in properties else stock)["delete"](physical_id, properties)

        return {**stock, "create": create, "update": update, "delete": delete}


def _physical_id(resource_type: str, logical_id: str, properties: dict[str, Any], stack: str) -> str:
    if resource_type.endswith("::ScalableTarget"):
        # Ref of a scalable target is these three joined, and policies name it so.
        keys = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        return "|".join(str(properties.get(key, "")) for key in keys)
    return str(properties.get("AlarmName") or f"{stack}-{logical_id}")


def _attributes(resource_type: str, physical_id: str) -> dict[str, Any]:
    return {"Arn": f"arn:aws:local:::{resource_type.rsplit('::', 1)[-1].lower()}/{physical_id}", "Id": physical_id}
