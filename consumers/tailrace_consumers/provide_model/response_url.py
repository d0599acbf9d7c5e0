"""The response's destination: a presigned S3 URL, to which the function PUTs the response."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

from tailrace_consumers.provide_model.ports import Sleep
from tailrace_core.errors import ConfigurationError, TransientError

Put = Callable[[str, bytes], None]
"""PUTs a body; raises OSError when it is refused."""

TRIES = 4
FIRST_WAIT_S = 0.5
TIMEOUT_S = 5.0
MAX_SEND_S = TRIES * TIMEOUT_S + FIRST_WAIT_S * (2 ** (TRIES - 1) - 1)
"""The longest duration of `send_response`, in seconds."""


def put(url: str, body: bytes) -> None:
    """PUT over HTTP. The signature covers an empty content type; urllib would add another."""
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError("the event's ResponseURL is not a web address")
    request = urllib.request.Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the same
        pass


def send_response(url: str, body: bytes, *, put: Put, sleep: Sleep) -> None:
    """PUT the response, with a few retries.

    Raises:
        TransientError: all tries failed. Lambda runs the event again; completed steps are
            idempotent.
    """
    for number in range(TRIES):
        try:
            return put(url, body)
        except OSError as exc:
            # The exception's text may hold the URL, with which anybody could respond.
            failure = f"{type(exc).__name__} {getattr(exc, 'code', '')}".strip()
        if number < TRIES - 1:
            sleep(FIRST_WAIT_S * 2.0**number)
    raise TransientError(f"CloudFormation did not accept the response in {TRIES} tries: {failure}")
