"""What became of a message, in one word: the name of the metric that counts it."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a message was disposed of. Every one of these means that it is acknowledged."""

    TEST = "TestNotifications"
    NOT_OURS = "NotOurs"
    """Another user of the endpoint's topics."""
    UNKNOWN_CHUNK = "Strangers"
    """It names a job or a chunk that the ledger does not know."""
    REFUSED = "Refused"
    """It points elsewhere than the ledger: forged, or of an invocation that another one replaced."""
    STALE = "Stale"
    """Of a chunk that is settled, of an attempt that is not the current one, or seen before."""
    CLOSED = "JobClosed"
    """The job does not accept results any more."""
    SCORED = "ChunksScored"
    REJECTED = "ChunksRejected"
    SPLIT = "ChunksSplit"
    RETRYING = "ChunksRetrying"
    PARKED = "ChunksParked"
    INVOKED = "ChunksInvoked"
    POSTPONED = "ChunksPostponed"
    """Throttled: the message was sent again."""
