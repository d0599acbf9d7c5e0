"""Reasons of failed requests, worded as an asynchronous endpoint words them.

`tailrace_core.jobs.classification` then finds the class, for every engine by the same rules.
`tailrace_core.aws.model_errors` has the words for errors of InvokeEndpoint.
"""

from __future__ import annotations

MAX_CHARS = 16 * 1024
"""Longest reason: a container may have written anything, and a queue takes 256 KiB."""

EXPIRED = "ClientError: The request expired: it was in the queue for longer than its RequestTTLSeconds."


def download_failed(detail: str) -> str:
    """Return the reason when the input cannot be read."""
    return f"ClientError: Failed to download the input: {detail}"


def input_too_large(max_bytes: int) -> str:
    """Return the reason when the input is larger than the endpoint takes."""
    return f"ClientError: The input exceeded the maximum payload size of {max_bytes} bytes."


def one_line(text: str) -> str:
    """Return a text in one line of printable characters, as reasons are shown, and not too long."""
    shown = "".join(each if each.isprintable() else " " for each in text[:MAX_CHARS])
    return " ".join(shown.split())
