"""The classification of a ``failureReason``: a status number and known phrases decide.

The prefix ``ClientError:`` never decides: it precedes server errors too.
"""

from __future__ import annotations

import re

from tailrace_core.jobs.failures import FailureClass

# Patterns are compiled on first use: most functions never see a failure, and compiling takes longer
# than importing.

# The status, if the service or a container states one. Endpoint names hold letters, digits and
# hyphens, and accounts, paths and row counts hold numbers: none of them reads like one of these.
_STATUS = (
    r"\b(?:client|server) error \(([0-9]{1,3})\)"
    r"|\b(?:status|error)(?: ?code)?(?: ?[:=] ?| is | )\(?([0-9]{3})\b"
    r"|\bHTTP(?:/[0-9](?:\.[0-9])?)?(?: error| status)?(?: ?: ?| )\(?([0-9]{3})\b"
)

# The container took too long. The message comes with status 0, with a server error, or without a
# status.
_TOO_LONG = r"timed out while waiting for a response from (?:the )?(?:model )?container"

# Order matters: the first match wins. The phrases are those that the service and its containers are
# known to write. No text is known for an expired request or a failed download: theirs are wide.
_PHRASES: tuple[tuple[str, FailureClass], ...] = (
    (
        (
            r"access ?denied|not authorized|unauthorized|forbidden|security token|credentials"
            r"|no ?such ?(?:key|bucket)"
            r"|\b(?:input (?:file|location|data)|object|bucket|endpoint)\b[^.]{0,80}(?:not found|not exist|deleted)"
            r"|could not find (?:the )?(?:endpoint|input|object)"
            r"|(?:could not (?:be )?|unable to |failed to )download"
        ),
        FailureClass.INFRASTRUCTURE,
    ),
    (
        r"\b(?:request|ttl|time[ -]to[ -]live)\b.{0,40}\bexpired?\b|\bexpired request|\bexceeded .{0,40}\bttl\b",
        FailureClass.EXPIRED,
    ),
    (
        r"throttl|too many requests|rate exceeded|no capacity|insufficient capacity|endpoint\b.{0,60}\bupdating",
        FailureClass.THROTTLED,
    ),
    (
        (
            r"could not get a response from|connection (?:was )?(?:reset|refused|aborted|closed)|broken pipe"
            r"|no response"
            r"|timed out|timeout|temporarily unavailable|service unavailable|internal (?:server )?(?:error|failure)"
        ),
        FailureClass.TRANSIENT,
    ),
)

_READ_CHARS = 4096
_NAME = "NAME"
_ENDPOINT = r"(?<=\bfrom the )[A-Za-z0-9-]+(?= endpoint\b)"
_CHOSEN = r"://|\barn:|/.*/|-"
_HYPHENATED = frozenset({"time-to-live", "time-out", "timed-out"})


def classify(reason: str | None) -> FailureClass:
    """Return the class of a ``failureReason``; only its first 4,096 characters are searched."""
    if not reason:
        return FailureClass.UNKNOWN
    text = _without_names(reason[:_READ_CHARS])
    match = re.search(_STATUS, text, re.IGNORECASE)
    status = None if match is None else int(next(group for group in match.groups() if group is not None))
    if (status is None or status == _NO_ANSWER or status in _SERVER) and re.search(_TOO_LONG, text, re.IGNORECASE):
        return FailureClass.TOO_LARGE
    if status is not None and (failure := _by_status(status)):
        return failure
    found = (failure for pattern, failure in _PHRASES if re.search(pattern, text, re.IGNORECASE))
    return next(found, FailureClass.UNKNOWN)


def _without_names(reason: str) -> str:
    """Mask names that users chose.

    They may read like anything (``error-500-model``, ``throttle``). Masked are addresses, paths,
    ARNs, words with a hyphen, and the endpoint's name where the service mentions it.
    """
    words = (word if word.lower().strip(",.;") in _HYPHENATED else _masked(word) for word in reason.split())
    return re.sub(_ENDPOINT, _NAME, " ".join(words), flags=re.IGNORECASE)


def _masked(word: str) -> str:
    return _NAME if re.search(_CHOSEN, word) else word


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
