"""State machines: what their roles may do, and what they read."""

from __future__ import annotations

from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.roles.clients import RoleClients
from tailrace_local.cloud.roles.credentials import RoleCredentials

_SESSION = "states"


class StateMachineRoles:
    """Decides and acts for the roles of state machines."""

    def __init__(
        self, iam: MiniStackIam, credentials: RoleCredentials, clients: RoleClients, *, region: str, enforced: bool
    ) -> None:
        self._iam = iam
        self._credentials = credentials
        self._clients = clients
        self._region = region
        self._enforced = enforced

    def may(self, role_arn: str, action: str, resource_arn: str) -> bool:
        """Return whether the role may do something; True where IAM is not enforced."""
        if not self._enforced:
            return True
        return self._iam.may(self._credentials.session(role_arn, _SESSION), action, resource_arn, self._region)

    def read_object(self, role_arn: str, bucket: str, key: str) -> bytes:
        """Read an object of S3 as the role. Raises what the SDK raises."""
        client = self._clients.client("s3", role_arn, _SESSION, self._region)
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content
