"""AWS::IAM::RolePolicy, which MiniStack lacks: one inline policy of one role, replaced when either name changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

ROLE_POLICY = "AWS::IAM::RolePolicy"

ProvisionedResource = tuple[str, dict[str, Any]]


class ResourceTypes(Protocol):
    """Who provisions what there is."""

    def resource_type(self, name: str) -> dict[str, Callable[..., Any]] | None:
        """The handlers of a type; None when it is unknown."""
        ...


class RolePolicies:
    """Provisions the type by way of AWS::IAM::Policy, which puts one policy on several identities."""

    def __init__(self, types: ResourceTypes) -> None:
        stock = types.resource_type("AWS::IAM::Policy")
        if stock is None:
            raise TypeError("MiniStack should know AWS::IAM::Policy")
        self._stock = stock

    def create(self, logical_id: str, properties: Mapping[str, Any], stack_name: str) -> ProvisionedResource:
        """Put the policy on the role."""
        self._stock["create"](logical_id, _as_policy(properties), stack_name)
        return _physical_id(properties), {}

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str
    ) -> ProvisionedResource:
        """Put the new policy on the role; under other names the old one stays until it is deleted."""
        del old
        return self.create(physical_id, new, stack_name)

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        """Take the policy off the role."""
        self._stock["delete"](physical_id, _as_policy(properties))


def _physical_id(properties: Mapping[str, Any]) -> str:
    return f"{properties['PolicyName']}|{properties['RoleName']}"


def _as_policy(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "PolicyName": properties["PolicyName"],
        "PolicyDocument": properties.get("PolicyDocument", {}),
        "Roles": [properties["RoleName"]],
    }
