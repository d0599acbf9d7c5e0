"""Failures of InvokeEndpoint, in the words of the asynchronous service's ``failureReason``.

So one table finds the class of every failure (`tailrace_core.jobs.classification`), whichever way a
model was called. Sources: the errors of InvokeEndpoint in AWS's API reference.
"""

from __future__ import annotations

import re

from tailrace_core.errors import PermanentError, TailraceError, ThrottledError, TransientError

MODEL_ERROR = "ModelError"
"""The code for an answer of the container that is no success."""
_PAYLOAD_TOO_LARGE = 413
_UNAVAILABLE = 503
_SIZE = r"length less than or equal to|too large|\bsize\b.{0,20}\bexceed|\bexceed.{0,30}\bsize\b"
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
    if _is_too_large(error):
        return f"payload too large: {error.message}"
    if details.get("code") == MODEL_ERROR:
        return refused_by_model(int(details.get("original_status") or 0), str(details.get("original_message") or ""))
    if isinstance(error, ThrottledError) or (serverless and details.get("status") == _UNAVAILABLE):
        return throttled(error.message)
    if isinstance(error, TransientError):
        if details.get("timed_out"):
            return timed_out_in_model(error.message)
        return no_response(error.message)
    # Any other refusal, in the words of AWS's SDK for Python: it says nothing about rows.
    code, said = details.get("code"), error.message.split(": ", 2)[-1]
    return f"An error occurred ({code}) when calling the InvokeEndpoint operation: {said}" if code else error.message


def _is_too_large(error: TailraceError) -> bool:
    """Say whether a request or an answer was larger than the endpoint takes.

    AWS documents no words for it. The API's model bounds the body; an answer that is too large
    comes as a ModelError without the container's status.
    """
    details = error.details
    if details.get("code") == MODEL_ERROR:
        return not details.get("original_status") and bool(re.search(_SIZE, error.message, re.IGNORECASE))
    return details.get("status") == _PAYLOAD_TOO_LARGE or (
        isinstance(error, PermanentError) and bool(re.search(_SIZE, error.message, re.IGNORECASE))
    )
