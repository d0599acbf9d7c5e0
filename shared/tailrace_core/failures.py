"""What a failure does: its class decides, and this table says so.

``failureReason`` is matched on the status number and on known phrases, never on its ``ClientError:`` prefix, which
stands before server errors too.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    """Why an attempt failed."""

    DATA = "data"
    TOO_LARGE = "too_large"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    EXPIRED = "expired"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What to do with the chunk."""

    SPLIT = "split"
    """In two; a single row is rejected with the reason."""
    RETRY = "retry"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a class is handled: ``first``, as often as the attempts allow if it is a retry, and then ``last``."""

    first: Action
    counted: bool
    """Whether a retry counts against the job's ``max_attempts``."""
    last: Action
    """When no attempt is left; ``SPLIT`` holds only while other chunks succeed, else the chunk is parked."""


POLICIES: dict[FailureClass, Policy] = {
    FailureClass.DATA: Policy(Action.SPLIT, counted=True, last=Action.SPLIT),
    FailureClass.TOO_LARGE: Policy(Action.SPLIT, counted=True, last=Action.SPLIT),
    FailureClass.TRANSIENT: Policy(Action.RETRY, counted=True, last=Action.SPLIT),
    FailureClass.THROTTLED: Policy(Action.RETRY, counted=False, last=Action.RETRY),
    FailureClass.EXPIRED: Policy(Action.RETRY, counted=False, last=Action.RETRY),
    FailureClass.INFRASTRUCTURE: Policy(Action.PARK, counted=True, last=Action.PARK),
    FailureClass.UNKNOWN: Policy(Action.RETRY, counted=True, last=Action.PARK),
}

# Order matters: the first that matches wins. Phrases as the service and its containers are known to write them.
_PHRASES: tuple[tuple[re.Pattern[str], FailureClass], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), failure)
    for pattern, failure in (
        (r"\b(?:request|ttl|time.to.live)\b.{0,40}\bexpired?\b|\bexpired request", FailureClass.EXPIRED),
        (r"timed out while waiting for a response from (?:the )?(?:model )?container", FailureClass.TOO_LARGE),
        (
            r"throttl|too many requests|rate exceeded|no capacity|insufficient capacity|endpoint .{0,60}updating",
            FailureClass.THROTTLED,
        ),
        (
            r"access ?denied|not authorized|forbidden|no ?such ?(?:key|bucket)|(?:input|object|endpoint|model) .{0,80}(?:not found|does not exist)"
            r"|could not (?:be )?download|unable to download|failed to download",
            FailureClass.INFRASTRUCTURE,
        ),
        (
            r"could not get a response from the .{0,120}endpoint|connection (?:reset|refused|aborted|closed)|no response"
            r"|timed out|timeout|temporarily unavailable|service unavailable|internal (?:server )?(?:error|failure)",
            FailureClass.TRANSIENT,
        ),
    )
)
_STATUS = re.compile(r"(?:error|status)[^0-9(]{0,20}\(?\b(\d{1,3})\b\)?", re.IGNORECASE)


def classify(reason: str | None) -> FailureClass:
    """The class of a ``failureReason``."""
    if not reason:
        return FailureClass.UNKNOWN
    if (status := _STATUS.search(reason)) and (failure := _by_status(int(status[1]))):
        return failure
    return next((failure for pattern, failure in _PHRASES if pattern.search(reason)), FailureClass.UNKNOWN)


_TOO_LARGE = 413
_THROTTLED = frozenset({429})
_NO_ANSWER = 0
_CLIENT = range(400, 500)
_SERVER = range(500, 600)
# 408 and 425 ask for another try; they say nothing of the rows.
_TRY_AGAIN = frozenset({408, 425})


def _by_status(status: int) -> FailureClass | None:
    if status == _TOO_LARGE:
        return FailureClass.TOO_LARGE
    if status in _THROTTLED:
        return FailureClass.THROTTLED
    if status == _NO_ANSWER or status in _SERVER or status in _TRY_AGAIN:
        return FailureClass.TRANSIENT
    return FailureClass.DATA if status in _CLIENT else None


def backoff_s(attempt: int, random_source: random.Random, *, base_s: float = 5.0, cap_s: float = 900.0) -> float:
    """Seconds to wait before the attempt after ``attempt`` (1, 2, …): exponential with full jitter.

    ``cap_s`` defaults to SQS's longest delay. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    return random_source.uniform(0, min(cap_s, base_s * 2.0 ** min(attempt - 1, 16)))
