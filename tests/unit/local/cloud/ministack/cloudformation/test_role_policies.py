"""AWS::IAM::RolePolicy.

Another name is another policy, and the old one stays until it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tailrace_local.cloud.ministack.cloudformation.role_policies import RolePolicies


class Iam:
    """AWS::IAM::Policy as MiniStack has it: puts a document on roles under a name."""

    def __init__(self) -> None:
        self.policies: dict[tuple[str, str], Any] = {}

    def find(self, name: str) -> dict[str, Callable[..., Any]] | None:
        return {"create": self._create, "delete": self._delete} if name == "AWS::IAM::Policy" else None

    def _create(self, _logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, Any]]:
        for role in properties["Roles"]:
            self.policies[role, properties["PolicyName"]] = properties["PolicyDocument"]
        return "opaque", {}

    def _delete(self, _physical_id: str, properties: dict[str, Any]) -> None:
        for role in properties["Roles"]:
            self.policies.pop((role, properties["PolicyName"]), None)


def properties(name: str = "Read-1", document: str = "a") -> dict[str, Any]:
    return {"RoleName": "role", "PolicyName": name, "PolicyDocument": {"Statement": [document]}}


def test_a_policy_under_another_name_stands_beside_the_old_one_until_that_is_deleted() -> None:
    iam = Iam()
    policies = RolePolicies(iam)
    old, _ = policies.create("ReadModel", properties(), "stack")
    new, _ = policies.update(old, properties(), properties("Read-2"), "stack")
    assert new != old
    assert set(iam.policies) == {("role", "Read-1"), ("role", "Read-2")}

    policies.delete(old, properties())
    assert set(iam.policies) == {("role", "Read-2")}


def test_another_document_under_the_same_name_is_the_same_policy() -> None:
    iam = Iam()
    policies = RolePolicies(iam)
    old, _ = policies.create("ReadModel", properties(), "stack")
    assert policies.update(old, properties(), properties(document="b"), "stack")[0] == old
    assert iam.policies == {("role", "Read-1"): {"Statement": ["b"]}}


def test_an_emulator_without_iam_is_refused_at_once() -> None:
    class Nothing:
        def find(self, _name: str) -> None:
            return None

    with pytest.raises(TypeError, match="AWS::IAM::Policy"):
        RolePolicies(Nothing())
