"""Failures of InvokeEndpoint, in the words of the asynchronous service's ``failureReason``.

So one table finds the class of every failure (`tailrace_core.jobs.classification`), whichever way a
model was called. Sources: the errors of InvokeEndpoint in AWS's API reference.
"""

from __future__ import annotations

from tailrace_core.errors import TailraceError, ThrottledError, TransientError

MODEL_ERROR = "ModelError"
"""The code for an answer of the container that is no success."""
_PAYLOAD_TOO_LARGE = 413
_UNAVAILABLE = 503
_CLIENT = range(400, 500)


def refused_by_model(status: int, said: str) -> str:
    """Return the reason for an answer of the container with this status and these words."""
    kind, side = ("ClientError", "client") if status in _CLIENT else ("ServerError", "server")
    return f'{kind}: Received {side} error ({status}) from model with message "{said.strip()}"'


def timed_out_in_model(detail: str) -> str:
    """Return the reason for a container that did not answer in time."""
    return f"timed out while waiting for a response from the container: {detail}"


def no_response(detail: str) -> str:
    """Return the reason for a connection that failed, or broke before the answer ended."""
    return f"could not get a response from the model: {detail}"


def throttled(detail: str) -> str:
    """Return the reason for a request that was refused because there were too many."""
    return f"throttled: {detail}"


def failure_reason(error: TailraceError, *, serverless: bool = False) -> str:
    """Return the reason for an error of InvokeEndpoint, as `tailrace_core.aws.errors` raises it.

    A ``serverless`` endpoint says with 503, too, that it has no capacity now.
    """
    details = error.details
    if details.get("code") == MODEL_ERROR:
        return refused_by_model(int(details.get("original_status") or 0), str(details.get("original_message") or ""))
    if isinstance(error, ThrottledError) or (serverless and details.get("status") == _UNAVAILABLE):
        return throttled(error.message)
    if isinstance(error, TransientError):
        if details.get("timed_out"):
            return timed_out_in_model(error.message)
        return no_response(error.message)
    if details.get("status") == _PAYLOAD_TOO_LARGE:
        return f"payload too large: {error.message}"
    return error.message
