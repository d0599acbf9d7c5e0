"""Outcomes of messages; each value is the name of the metric that counts it."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a message. Every outcome acknowledges the message."""

    TEST = "TestNotifications"
    NOT_OURS = "NotOurs"
    """A message of another user of the endpoint's topics."""
    UNKNOWN_CHUNK = "Strangers"
    """The message names a job or a chunk that the ledger does not know."""
    REFUSED = "Refused"
    """Its location differs from the ledger's.

    Forged, or from an invocation that another one replaced.
    """
    STALE = "Stale"
    """The chunk is settled, the attempt is not the current one, or the message is a duplicate."""
    CLOSED = "JobClosed"
    """The job no longer accepts results."""
    SCORED = "ChunksScored"
    REJECTED = "ChunksRejected"
    SPLIT = "ChunksSplit"
    RETRYING = "ChunksRetrying"
    PARKED = "ChunksParked"
    INVOKED = "ChunksInvoked"
    ANSWERED = "RequestsAnswered"
    """ScoreChunks stored the model's answer."""
    FAILED = "RequestsFailed"
    """ScoreChunks reported that the model gave no answer."""
    POSTPONED = "ChunksPostponed"
    """Throttled: the message was sent again with a delay."""
    JOB_STARTED = "JobsStarted"
    """StartJobs started the job of a file in the inbox."""
    FILE_REFUSED = "FilesRefused"
    """StartJobs reported that no job can score the file."""
    DELIVERED = "ResultsDelivered"
    """DeliverResults put a job's result into the outbox."""
    FILE_FAILED = "FilesFailed"
    """DeliverResults put the report there that a job has no whole result."""
    DELIVERY_CONTINUED = "DeliveriesContinued"
    """Its time ran out: a message to itself goes on."""
    CUTTING_FAILED = "CuttingsFailed"
    """FailCutting failed a job whose execution broke off."""
