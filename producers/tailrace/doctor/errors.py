"""Errors of AWS calls as findings: a denied or unanswered call is "cannot tell", never OK."""

from __future__ import annotations

from tailrace.doctor.findings import Finding, cannot_tell, fail
from tailrace.doctor.iam_actions import iam_action
from tailrace_core.errors import AccessDeniedError, ConfigurationError, NotFoundError, TailraceError


def finding_of(error: TailraceError) -> Finding:
    """Return the finding for an error that ended a check."""
    operation = str(error.details.get("operation", ""))
    if isinstance(error, AccessDeniedError):
        action = iam_action(operation)
        return cannot_tell(f"{action} is not allowed: {error}", advice=f"allow {action} to this identity")
    if isinstance(error, NotFoundError):
        return fail(str(error), advice="it was deleted, or is in another region; deploy the stack again")
    if isinstance(error, ConfigurationError):
        return fail(str(error), command="aws sts get-caller-identity")
    return cannot_tell(str(error), advice="look again in a minute")
