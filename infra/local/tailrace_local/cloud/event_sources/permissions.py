"""What Lambda wants of a function's role before it reads a queue for it."""

from __future__ import annotations

from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.roles.credentials import RoleCredentials

_NEEDED = ("GetQueueAttributes", "ReceiveMessage", "DeleteMessage")


class EventSourcePermissions:
    """Judges event source mappings. Source: AWS's "Using Lambda with Amazon SQS", execution role permissions."""

    def __init__(self, iam: MiniStackIam, credentials: RoleCredentials) -> None:
        self._iam = iam
        self._credentials = credentials

    def refusal(self, role_arn: str, queue_arn: str) -> str | None:
        """Lambda's words for the first action that the role lacks."""
        session, region = self._credentials.session(role_arn, "mapping"), queue_arn.split(":")[3]
        # All are asked, so that the log of decisions shows what a mapping needs.
        asked = {action: self._iam.may(session, f"sqs:{action}", queue_arn, region) for action in _NEEDED}
        missing = next((action for action, allowed in asked.items() if not allowed), None)
        return missing and f"The provided execution role does not have permissions to call {missing} on SQS"
