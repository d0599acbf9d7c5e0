"""AWS::ApplicationAutoScaling::ScalableTarget and ::ScalingPolicy for a CloudFormation engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.autoscaling.api import SERVICE
from tailrace_local.autoscaling.records import KEY
from tailrace_local.emulator_base.coercion import coerce_properties, pick_members
from tailrace_local.emulator_base.errors import ApiError
from tailrace_local.emulator_base.resources import Properties, ProvisionedResource, ResourceHandlers

Call = Callable[[str, Any], dict[str, Any]]
_IDENTITY = ("ResourceId", "ScalableDimension", "ServiceNamespace")
"""Properties that make a target's physical id, joined by `|` in this order.

Policies refer to it.
"""


@dataclass(frozen=True)
class ScalableTargetType:
    """A scalable target and its scheduled actions."""

    call: Call

    def handlers(self) -> ResourceHandlers:
        """Return the type's handlers."""
        return ResourceHandlers(self.create, self.update, self.delete)

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - the interface's
        """Register the target."""
        self._register(properties)
        self._schedule(properties, {})
        return self._made(properties)

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - same
        """Register the target again, under another id if a property of its id changed."""
        self._register(new)
        before = _actions(old) if physical_id == _physical_id(new) else {}
        self._schedule(new, before)
        return self._made(new)

    def delete(self, physical_id: str, properties: Properties) -> None:  # noqa: ARG002 - the interface's
        """Deregister the target. One that does not exist is no error."""
        values = dict(zip(_IDENTITY, physical_id.split("|"), strict=True))
        _ignore_missing(self.call, "DeregisterScalableTarget", values)

    def _register(self, properties: Properties) -> None:
        operation = "RegisterScalableTarget"
        asked = coerce_properties(operation, pick_members(operation, properties, service=SERVICE), service=SERVICE)
        self.call(operation, asked)

    def _schedule(self, properties: Properties, before: Mapping[str, Any]) -> None:
        identity = {name: properties[name] for name in KEY}
        actions = _actions(properties)
        for name in before.keys() - actions.keys():
            _ignore_missing(self.call, "DeleteScheduledAction", {**identity, "ScheduledActionName": name})
        for action in actions.values():
            asked = coerce_properties("PutScheduledAction", {**identity, **action}, service=SERVICE)
            self.call("PutScheduledAction", asked)

    def _made(self, properties: Properties) -> ProvisionedResource:
        physical_id = _physical_id(properties)
        return physical_id, {"Id": physical_id}


@dataclass(frozen=True)
class ScalingPolicyType:
    """A scaling policy; its physical id is its ARN."""

    call: Call

    def handlers(self) -> ResourceHandlers:
        """Return the type's handlers."""
        return ResourceHandlers(self.create, self.update, self.delete)

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - the interface's
        """Put the policy."""
        asked = coerce_properties("PutScalingPolicy", self._identified(properties), service=SERVICE)
        arn = self.call("PutScalingPolicy", asked)["PolicyARN"]
        return arn, {"Arn": arn}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - same
        """Put the policy again; another name or target makes another policy."""
        return self.create("", new, stack_name)

    def delete(self, physical_id: str, properties: Properties) -> None:  # noqa: ARG002 - the interface's
        """Delete the policy. One that does not exist is no error."""
        identified = self._identified(properties)
        asked = {name: identified[name] for name in ("PolicyName", *KEY)}
        _ignore_missing(self.call, "DeleteScalingPolicy", asked)

    @staticmethod
    def _identified(properties: Properties) -> dict[str, Any]:
        given = dict(properties)
        if target := given.pop("ScalingTargetId", None):
            given |= dict(zip(_IDENTITY, str(target).split("|"), strict=True))
        return given


def _physical_id(properties: Properties) -> str:
    return "|".join(str(properties[name]) for name in _IDENTITY)


def _actions(properties: Properties) -> dict[str, Any]:
    return {action["ScheduledActionName"]: action for action in properties.get("ScheduledActions") or ()}


def _ignore_missing(call: Call, operation: str, request: Mapping[str, Any]) -> None:
    try:
        call(operation, dict(request))
    except ApiError as error:
        if error.code != "ObjectNotFoundException":
            raise
