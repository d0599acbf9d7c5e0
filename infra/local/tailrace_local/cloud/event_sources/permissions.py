"""Permissions that a function's role needs before Lambda reads a queue for it."""

from __future__ import annotations

from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.roles.credentials import RoleCredentials

_NEEDED = ("GetQueueAttributes", "ReceiveMessage", "DeleteMessage")


class EventSourcePermissions:
    """Checks the role of an event source mapping.

    Source: AWS's "Using Lambda with Amazon SQS", execution role permissions.
    """

    def __init__(self, iam: MiniStackIam, credentials: RoleCredentials) -> None:
        self._iam = iam
        self._credentials = credentials

    def refusal(self, role_arn: str, queue_arn: str) -> str | None:
        """Return Lambda's message about the first action that the role lacks.

        None when it lacks none.
        """
        session, region = self._credentials.session(role_arn, "mapping"), queue_arn.split(":")[3]
        # Every action is decided, so that the log of decisions shows all that a mapping needs.
        decided = {action: self._iam.may(session, f"sqs:{action}", queue_arn, region) for action in _NEEDED}
        missing = next((action for action, allowed in decided.items() if not allowed), None)
        return missing and f"The provided execution role does not have permissions to call {missing} on SQS"
