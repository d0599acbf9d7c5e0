"""People's acts in the history of chunks: those that took effect, and those that came too late."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.ports import Clock
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import Chunk
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import DiscardDue, RetryDue, SplitDue

Decision = RetryDue | DiscardDue | SplitDue
_EFFECTS = {
    "RetryDue": HistoryEvent.REDRIVEN,
    "DiscardDue": HistoryEvent.DISCARDED,
    "SplitDue": HistoryEvent.HALVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsActs:
    """Builds and records entries of redrives and discards; a message that names nobody has none."""

    ledger: Ledger
    clock: Clock

    def entry(self, chunk: Chunk, message: Decision, what: HistoryEvent | None = None) -> HistoryEntry | None:
        """Return the entry of an act; None if it is no person's, or is recorded already."""
        if message.requested_by is None:
            return None
        entry = HistoryEntry(
            at=self.clock() if message.requested_at is None else message.requested_at,
            what=what or _EFFECTS[message.type],
            attempt=message.attempt,
            who=message.requested_by,
            note=message.note,
        )
        return None if any(each.act == entry.act for each in chunk.history) else entry

    def record_late(self, chunk: Chunk, message: Decision) -> None:
        """Record an act that another caller's overtook, with one more write.

        A repeated message writes nothing.
        """
        late = HistoryEvent.DISCARD_LATE if isinstance(message, DiscardDue) else HistoryEvent.REDRIVE_LATE
        entry = self.entry(chunk, message, late)
        if entry is not None:
            self.ledger.add_history(chunk.job_id, chunk.range, entry)
