"""The port by which patches act as the role of a state machine."""

from __future__ import annotations

from typing import Protocol


class MachineRole(Protocol):
    """Decides and acts for roles of state machines."""

    def may(self, role_arn: str, action: str, resource_arn: str) -> bool:
        """Return whether the role may do something; True where IAM is not enforced."""
        ...

    def read_object(self, role_arn: str, bucket: str, key: str) -> bytes:
        """Read an object of S3 as the role. Raises what the SDK raises."""
        ...
