"""The address that CloudFormation waits at: a presigned S3 URL, to which the answer is PUT."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

from tailrace_consumers.provide_model.ports import Sleep
from tailrace_core.errors import ConfigurationError, TransientError

Put = Callable[[str, bytes], None]
"""PUTs a body; raises OSError when it is not taken."""

TRIES = 4
FIRST_WAIT_S = 0.5
TIMEOUT_S = 5.0
MAX_SEND_S = TRIES * TIMEOUT_S + FIRST_WAIT_S * (2 ** (TRIES - 1) - 1)
"""How long `send_response` takes at most."""


def put(url: str, body: bytes) -> None:
    """PUT over HTTP. The signature covers an empty content type, and urllib would invent another."""
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError("the event's ResponseURL is no web address")
    request = urllib.request.Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the same
        pass


def send_response(url: str, body: bytes, *, put: Put, sleep: Sleep) -> None:
    """PUT the answer, a few times if need be.

    Raises:
        TransientError: it was never taken. Lambda runs the event again, which finds done what is done.
    """
    for number in range(TRIES):
        try:
            return put(url, body)
        except OSError as exc:
            # Its text may hold the URL, which lets anybody answer.
            failure = f"{type(exc).__name__} {getattr(exc, 'code', '')}".strip()
        if number < TRIES - 1:
            sleep(FIRST_WAIT_S * 2.0**number)
    raise TransientError(f"CloudFormation did not take the answer in {TRIES} tries: {failure}")
