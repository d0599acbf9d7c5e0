"""AWS::IAM::RolePolicy, which MiniStack lacks.

One inline policy of one role, replaced when either name changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tailrace_local.emulator_base.resources import Properties, ProvisionedResource, ResourceHandlers

ROLE_POLICY = "AWS::IAM::RolePolicy"


class ResourceTypeFinder(Protocol):
    """The table of resource types."""

    def find(self, name: str) -> Mapping[str, Callable[..., Any]] | None:
        """Return a type's handlers; None for an unknown type."""
        ...


class RolePolicies:
    """Provisions the type by the handlers of AWS::IAM::Policy."""

    def __init__(self, types: ResourceTypeFinder) -> None:
        policy_type = types.find("AWS::IAM::Policy")
        if policy_type is None:
            raise TypeError("MiniStack should know AWS::IAM::Policy, and does not: adapt RolePolicies")
        self._policy_type = policy_type

    def handlers(self) -> ResourceHandlers:
        """Return the type's handlers."""
        return ResourceHandlers(self.create, self.update, self.delete)

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:
        """Put the policy on the role."""
        self._policy_type["create"](logical_id, _as_policy(properties), stack_name)
        return _physical_id(properties), {}

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:
        """Put the new policy on the role.

        Under another name the old one stays until CloudFormation deletes it.
        """
        del old
        return self.create(physical_id, new, stack_name)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the policy from the role."""
        self._policy_type["delete"](physical_id, _as_policy(properties))


def _physical_id(properties: Properties) -> str:
    return f"{properties['PolicyName']}|{properties['RoleName']}"


def _as_policy(properties: Properties) -> dict[str, Any]:
    return {
        "PolicyName": properties["PolicyName"],
        "PolicyDocument": properties.get("PolicyDocument", {}),
        "Roles": [properties["RoleName"]],
    }
