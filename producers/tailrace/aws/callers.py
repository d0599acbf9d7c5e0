"""The identity that makes the calls."""

from __future__ import annotations

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import TailraceError


def caller_arn() -> Steps[str | None]:
    """Return the ARN of the calling identity; None if AWS does not tell.

    The call needs no permission. It is for the record, so its failure stops nothing.
    """
    try:
        answer = yield Call("sts", "get_caller_identity", {})
    except TailraceError:
        return None
    arn: str | None = answer.get("Arn")
    return arn
