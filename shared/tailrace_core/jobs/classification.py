"""The classification of a ``failureReason``.

It asks in this order:

1. Does the text before a statement that the container answered hold a refusal in the wording of an
   AWS SDK? Then the request never reached the model, or its answer was lost, whatever the status.
2. Is there a status number? It is the container's, and decides.
3. Is there a known phrase?

A container's own words therefore never pass for a refusal of AWS. The prefix ``ClientError:`` never
decides: it precedes server errors too.
"""

from __future__ import annotations

import re

from tailrace_core.jobs.failure_phrases import (
    CONTAINER_ANSWERED,
    PHRASES,
    SDK_CODE,
    SDK_CODES,
    SDK_SLOW_DOWN,
    SDK_STATUS,
    STATUS,
    TOO_LONG,
)
from tailrace_core.jobs.failures import FailureClass

# Patterns are compiled on first use: most functions never see a failure, and compiling takes longer
# than importing.

_READ_CHARS = 4096
_NAME = "NAME"
_ENDPOINT = r"(?<=\bfrom the )[A-Za-z0-9-]+(?= endpoint\b)"
_CHOSEN = r"://|\barn:|/.*/|-"
_NO_NAMES = frozenset({"time-to-live", "time-out", "timed-out", "content-length"})


def classify(reason: str | None) -> FailureClass:
    """Return the class of a ``failureReason``; only its first 4,096 characters are searched."""
    if not reason:
        return FailureClass.UNKNOWN
    text = _without_names(reason[:_READ_CHARS])
    answered = re.search(CONTAINER_ANSWERED, text, re.IGNORECASE)
    refused = _by_sdk(text if answered is None else text[: answered.start()])
    if refused is not None:
        return refused
    match = re.search(STATUS, text, re.IGNORECASE)
    status = None if match is None else int(next(group for group in match.groups() if group is not None))
    if (status is None or status == _NO_ANSWER or status in _SERVER) and re.search(TOO_LONG, text, re.IGNORECASE):
        return FailureClass.TOO_LARGE
    if status is not None and (failure := _by_status(status)):
        return failure
    found = (failure for pattern, failure in PHRASES if re.search(pattern, text, re.IGNORECASE))
    return next(found, FailureClass.UNKNOWN)


def _without_names(reason: str) -> str:
    """Mask names that users chose.

    They may read like anything (``error-500-model``, ``throttle``). Masked are addresses, paths,
    ARNs, words with a hyphen, and the endpoint's name where the service mentions it.
    """
    words = (word if word.lower().strip(",.;") in _NO_NAMES else _masked(word) for word in reason.split())
    return re.sub(_ENDPOINT, _NAME, " ".join(words), flags=re.IGNORECASE)


def _masked(word: str) -> str:
    return _NAME if re.search(_CHOSEN, word) else word


def _by_sdk(text: str) -> FailureClass | None:
    """Return the class of a refusal in an SDK's wording, None if there is none."""
    java, python = (re.search(pattern, text, re.IGNORECASE) for pattern in (SDK_STATUS, SDK_CODE))
    code = java[2] if java else python[1] if python else None
    if java is None and code is None:
        return None
    # S3 hands on what KMS said with such a prefix.
    known = "" if code is None else code.lower().removeprefix("kms.")
    if known in SDK_CODES:
        return SDK_CODES[known]
    if re.search(SDK_SLOW_DOWN, text, re.IGNORECASE):
        return FailureClass.THROTTLED
    status = int(java[1]) if java else int(code) if code is not None and code.isdigit() else None
    by_status = None if status is None else _by_status(status)
    # Any other refusal, whatever its number, says nothing about rows: the model never read them.
    return FailureClass.INFRASTRUCTURE if by_status in {None, FailureClass.DATA} else by_status


_TOO_LARGE = 413
_THROTTLED = frozenset({429})
_NO_ANSWER = 0
_CLIENT = range(400, 500)
_SERVER = range(500, 600)
# 408 and 425 ask for a retry; they are no verdict on the rows.
_TRY_AGAIN = frozenset({408, 425})


def _by_status(status: int) -> FailureClass | None:
    if status == _TOO_LARGE:
        return FailureClass.TOO_LARGE
    if status in _THROTTLED:
        return FailureClass.THROTTLED
    if status == _NO_ANSWER or status in _SERVER or status in _TRY_AGAIN:
        return FailureClass.TRANSIENT
    return FailureClass.DATA if status in _CLIENT else None
