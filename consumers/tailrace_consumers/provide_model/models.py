"""A SageMaker model to create, and its name, which is derived from its definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tailrace_consumers.provide_model.containers import Containers, definitions, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All parameters of CreateModel. The name holds a hash of all of them but the tags."""

    name_prefix: str
    containers: Containers
    execution_role_arn: str
    isolated: bool
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The prefix, a hyphen and the hash."""
        return f"{self.name_prefix}-{digest(self.definition())}"

    def definition(self) -> dict[str, Any]:
        """Return CreateModel's parameters without name and tags."""
        found: dict[str, Any] = {
            "ExecutionRoleArn": self.execution_role_arn,
            "EnableNetworkIsolation": self.isolated,
        }
        if self.subnet_ids:
            found["VpcConfig"] = {"Subnets": [*self.subnet_ids], "SecurityGroupIds": [*self.security_group_ids]}
        return {**found, **self._containers()}

    def _containers(self) -> dict[str, Any]:
        """Return the containers; SageMaker takes a single one by a parameter of its own."""
        found = definitions(self.containers)
        return {"PrimaryContainer": found[0]} if len(found) == 1 else {"Containers": found}

    def tag_list(self) -> list[dict[str, str]]:
        """Return the tags in SageMaker's form."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]
