"""The parked queue's sender: a chunk that needs a person, with everything needed to decide."""

from __future__ import annotations

import dataclasses

from tailrace_consumers.ports import ParkedQueue
from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import ChunkParked
from tailrace_core.objects import keys


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
            advice=advise(failure, reason),
        )
        self._queue.send(event)
        self._ledger.park(dataclasses.replace(chunk, reason=reason))
