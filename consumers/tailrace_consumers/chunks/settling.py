"""Settling: publishes a part, settles its chunk by what the part holds, and checks the job."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.objects.parts import Part
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Clock, Meter, ObjectStore, Publisher
from tailrace_consumers.runtime.deferred_checks import CompletionCheck
from tailrace_consumers.runtime.grouped_settling import PendingSettlement
from tailrace_consumers.runtime.metrics import record_latency, record_rows, seconds
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tailrace_core.messages.events import PartReady
from tailrace_core.objects import keys

MAX_EVENT_BYTES = 200 * 1024
"""Limit of an event.

SNS takes 256 KiB with attributes; escaping can make a small body of odd bytes larger.
"""


@dataclass(frozen=True, slots=True)
class Timings:
    """The service's timestamps: when it received the request and when it had the response."""

    received_at: str | None = None
    completed_at: str | None = None

    @property
    def received_s(self) -> float | None:
        """``received_at`` in seconds since the epoch; None for no date or an invalid one."""
        return seconds(self.received_at)

    @property
    def completed_s(self) -> float | None:
        """``completed_at`` in seconds since the epoch; None for no date or an invalid one."""
        return seconds(self.completed_at)


class ChunkSettler:
    """Settles chunks. The steps are the same for a scored and for a rejected part."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: ObjectStore,
        publisher: Publisher,
        completion_check: CompletionCheck,
        meter: Meter,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._publisher = publisher
        self._completion_check = completion_check
        self._meter = meter
        self._clock = clock

    def settle_part(
        self,
        chunk: Chunk,
        settings: JobSettings,
        part: Part,
        *,
        timings: Timings | None = None,
        reason: str | None = None,
        entry: HistoryEntry | None = None,
    ) -> Outcome:
        """Publish the part, settle its chunk, and check the job.

        The part decides: the first writer wrote it, and all others report what it holds. A chunk
        that was settled meanwhile, for example by a split, stays as it is.
        """
        return self.settle(self.pending_part(chunk, settings, part, timings=timings, reason=reason, entry=entry))

    def settle(self, pending: PendingSettlement) -> Outcome:
        """Mark a chunk as answered, publish its part, settle it, and check the job."""
        # Mark before publishing: a chunk whose rows were published is never split, so no row is
        # published twice.
        if not self._ledger.mark_answered(*pending.chunk):
            return pending.conclude(SettleOutcome.ALREADY)
        self._publisher.publish(pending.event)
        return pending.conclude(self._ledger.settle(pending.settlement))

    def pending_part(
        self,
        chunk: Chunk,
        settings: JobSettings,
        part: Part,
        *,
        timings: Timings | None = None,
        reason: str | None = None,
        entry: HistoryEntry | None = None,
    ) -> PendingSettlement:
        """Return the event and the settlement that are to follow a part, see `settle_part`."""
        whole = part.rejected == chunk.range.rows
        settlement = Settlement(
            job_id=chunk.job_id,
            range=chunk.range,
            state=ChunkState.REJECTED if whole else ChunkState.SCORED,
            rejected=part.rejected,
            not_isolated=part.not_isolated,
            part_checksum=part.checksum,
            part_bytes=part.size_bytes,
            reason=reason,
            received_at=None if timings is None else timings.received_s,
            completed_at=None if timings is None else timings.completed_s,
            settled_at=self._clock(),
            history=chunk.history,
            entry=entry,
        )
        event = self._event(chunk, settings, part, timings or Timings())
        return PendingSettlement(settlement, event, lambda settled: self._conclude(settled, chunk, part, timings))

    def _conclude(self, settled: SettleOutcome, chunk: Chunk, part: Part, timings: Timings | None) -> Outcome:
        whole = part.rejected == chunk.range.rows
        if settled is SettleOutcome.REFUSED:
            return self.cancel(chunk)
        if settled is SettleOutcome.ALREADY:
            return self.acknowledge(chunk.job_id, Outcome.STALE)
        record_rows(self._meter, scored=chunk.range.rows - part.rejected, rejected=part.rejected)
        record_latency(self._meter, answered_at=timings.completed_at if timings else None, now=self._clock())
        return self.acknowledge(chunk.job_id, Outcome.REJECTED if whole else Outcome.SCORED)

    def cancel(self, chunk: Chunk) -> Outcome:
        """Cancel a chunk whose result arrives after its job was closed."""
        self._ledger.settle(Settlement.cancelled_of(chunk, self._clock()))
        return self.acknowledge(chunk.job_id, Outcome.CLOSED)

    def acknowledge(self, job_id: str, outcome: Outcome) -> Outcome:
        """Check the job, and return the outcome, which acknowledges the message.

        Stale messages check it too: the last settler may have died before its check.
        """
        self._completion_check.check(job_id)
        return outcome

    def _event(self, chunk: Chunk, settings: JobSettings, part: Part, timings: Timings) -> PartReady:
        event = PartReady(
            event_id=PartReady.id_of(chunk.job_id, chunk.range),
            job_id=chunk.job_id,
            endpoint=settings.endpoint_name,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            rejected=part.rejected,
            not_isolated=part.not_isolated,
            location=self._store.locate(keys.part_key(chunk.job_id, chunk.range)),
            rejects_location=self._store.locate(keys.rejects_key(chunk.job_id, chunk.range)) if part.rejected else None,
            size_bytes=part.size_bytes,
            checksum=part.checksum,
            columns=settings.result_columns,
            received_at=timings.received_at,
            completed_at=timings.completed_at,
            body=_text(part.body),
        )
        fits = len(event.to_json().encode()) <= MAX_EVENT_BYTES
        return event if fits else event.model_copy(update={"body": None})


def _text(body: bytes | None) -> str | None:
    """Return the part as text.

    None when it is not UTF-8, which JSON cannot hold: subscribers then fetch the part.
    """
    if body is None:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
