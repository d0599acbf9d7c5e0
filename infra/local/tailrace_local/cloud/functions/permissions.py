"""Permissions that Lambda needs of a function's role, besides those for its queue and its logs."""

from __future__ import annotations

import logging

from tailrace_local.cloud.functions.specification import FunctionSpec
from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys
from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.roles.credentials import RoleCredentials

_SESSION = "lambda"
_log = logging.getLogger("tailrace.cloud.functions")


class FunctionPermissions:
    """Checks the permissions of functions' roles."""

    def __init__(self, iam: MiniStackIam, credentials: RoleCredentials, keys: EncryptionKeys) -> None:
        self._iam = iam
        self._credentials = credentials
        self._keys = keys

    def require_environment(self, spec: FunctionSpec) -> None:
        """Check that the role may decrypt the variables, as Lambda does when a worker starts.

        Raises:
            PermissionError: the role may not use the variables' key.
        """
        session = self._credentials.session(spec.role, _SESSION)
        for use in self._keys.uses("lambda:Start", spec.arn):
            if not self._iam.may(session, use.action, use.key, spec.region, use.context):
                raise PermissionError(f"Lambda was unable to decrypt the environment variables: {use.action} is denied")

    def may_send(self, role_arn: str, queue_arn: str) -> bool:
        """Return whether the role may send an event that failed for good to its queue.

        Logs a refusal.
        """
        session, region = self._credentials.session(role_arn, _SESSION), queue_arn.split(":")[3]
        allowed = self._iam.may(session, "sqs:SendMessage", queue_arn, region)
        if not allowed:
            _log.warning("%s may not send to %s: the dead letter is lost", role_arn, queue_arn)
        return allowed
