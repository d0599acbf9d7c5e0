"""The parked queue's sender: a chunk that needs a person, with everything needed to decide."""

from __future__ import annotations

import dataclasses

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Clock, ParkedQueue
from tailrace_core.jobs.advice import advise
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import Chunk, JobSettings, JobState, OnParked
from tailrace_core.ledger.closing import close_job
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import ChunkParked
from tailrace_core.objects import keys


class Parking:
    """Parks open chunks at their current attempt, or fails their jobs (`OnParked.FAIL`)."""

    def __init__(self, *, ledger: Ledger, queue: ParkedQueue, bucket: str, clock: Clock) -> None:
        self._ledger = ledger
        self._queue = queue
        self._bucket = bucket
        self._clock = clock

    def park(self, chunk: Chunk, settings: JobSettings, failure: FailureClass, reason: str) -> Outcome:
        """Send the event, then update the ledger. Idempotent: the event's id stays the same.

        A job that does not wait for an operator is closed instead, as failed and due at once: its
        reason names the chunk's rows and ``reason``.
        """
        if settings.on_parked is OnParked.FAIL:
            close_job(
                chunk.job_id, JobState.FAILED, failed_reason(chunk, reason), ledger=self._ledger, now=self._clock()
            )
            return Outcome.CLOSED
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
        now = self._clock()
        entry = HistoryEntry(at=now, what=HistoryEvent.PARKED, attempt=chunk.attempt, failure=reason)
        self._ledger.park(dataclasses.replace(chunk, reason=reason, parked_at=now), entry)
        return Outcome.PARKED


def failed_reason(chunk: Chunk, reason: str) -> str:
    """Return the reason of a job that fails because a chunk needs an operator."""
    rows = f"rows {chunk.range.first_row} to {chunk.range.end - 1} need an operator"
    return f"{rows}, and the job does not wait for one (on_parked=fail): {reason}"
