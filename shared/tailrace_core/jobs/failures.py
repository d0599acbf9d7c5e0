"""Failure classes and their policies: the class of a failure decides the action for its chunk.

`tailrace_core.jobs.classification` finds the class of a ``failureReason``.
"""

from __future__ import annotations

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
    """Action for the chunk of a failed attempt."""

    SPLIT = "split"
    """Split the chunk in two; reject a single row with the reason."""
    RETRY = "retry"
    PROBE = "probe"
    """Try single rows alone, to learn whether the endpoint works (`tailrace_core.jobs.probing`)."""
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Policy:
    """Handling of a failure class.

    A ``first`` that is a retry is repeated until the attempts run out, then ``last`` applies;
    uncounted retries never run out. Any other ``first`` applies at once.
    """

    first: Action
    counted: bool
    """True if a retry counts against the job's ``max_attempts``."""
    last: Action
    """Action when no attempt is left. ``SPLIT`` applies if other rows were scored meanwhile;
    otherwise probes find out whether the rows are at fault."""


POLICIES: dict[FailureClass, Policy] = {
    FailureClass.DATA: Policy(Action.SPLIT, counted=True, last=Action.SPLIT),
    FailureClass.TOO_LARGE: Policy(Action.SPLIT, counted=True, last=Action.SPLIT),
    FailureClass.TRANSIENT: Policy(Action.RETRY, counted=True, last=Action.SPLIT),
    FailureClass.THROTTLED: Policy(Action.RETRY, counted=False, last=Action.RETRY),
    FailureClass.EXPIRED: Policy(Action.RETRY, counted=False, last=Action.RETRY),
    FailureClass.INFRASTRUCTURE: Policy(Action.PARK, counted=True, last=Action.PARK),
    FailureClass.UNKNOWN: Policy(Action.RETRY, counted=True, last=Action.PARK),
}

LOST_NOTIFICATION_REASON = (
    "The notification of this failure was lost; the failure object holds what the model answered."
)
"""The ``failureReason`` for a lost notification that the reconciler replaces: its status is lost
too."""
