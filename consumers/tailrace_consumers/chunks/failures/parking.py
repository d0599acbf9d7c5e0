"""The parked queue's sender: a chunk that needs a person, with everything needed to decide."""

from __future__ import annotations

import dataclasses

from tailrace_consumers.ports import ParkedQueue
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import ChunkParked
from tailrace_core.objects import keys

ADVICE = {
    FailureClass.DATA: "Check the input object and the container's log, then redrive, or cancel the job.",
    FailureClass.TOO_LARGE: "Allow more time or smaller chunks, then redrive, or cancel the job.",
    FailureClass.TRANSIENT: (
        "Every attempt failed, and nothing else of this job succeeded meanwhile: check the container's log and its "
        "instances, fix the model or its endpoint, then redrive."
    ),
    FailureClass.THROTTLED: "Raise the endpoint's capacity, then redrive.",
    FailureClass.EXPIRED: "Find out why the endpoint's backlog does not shrink, then redrive.",
    FailureClass.INFRASTRUCTURE: (
        "Check that the endpoint exists, that its role may read the input, and that the input exists; "
        "fix it, then redrive."
    ),
    FailureClass.UNKNOWN: "Read the reason and the container's log; redrive when it is fixed, or cancel the job.",
}
"""Advice to the person who decides, by class of failure."""


class Parking:
    """Parks open chunks at their current attempt."""

    def __init__(self, *, ledger: Ledger, queue: ParkedQueue, bucket: str) -> None:
        self._ledger = ledger
        self._queue = queue
        self._bucket = bucket

    def park(self, chunk: Chunk, settings: JobSettings, failure: FailureClass, reason: str) -> None:
        """Send the event, then update the ledger. Idempotent: the event's id stays the same."""
        event = ChunkParked(
            event_id=ChunkParked.id_of(chunk.job_id, chunk.range, chunk.attempt),
            job_id=chunk.job_id,
            endpoint=settings.endpoint_name,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            attempt=chunk.attempt,
            redrives=chunk.redrives,
            failure_class=failure,
            reason=reason,
            input_location=f"s3://{self._bucket}/{keys.input_key(chunk.job_id, chunk.range)}",
            output_location=chunk.output_location,
            failure_location=chunk.failure_location,
            advice=ADVICE[failure],
        )
        self._queue.send(event)
        self._ledger.park(dataclasses.replace(chunk, reason=reason))
