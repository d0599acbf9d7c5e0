"""Discards: a person gives up a parked chunk, whose rows are rejected with the person's reason."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.failures.rejection import Rejection
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.persons_acts import PersonsActs
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.decoding import read_json
from tailrace_core.messages.events import DiscardDue


def is_discard(body: str) -> bool:
    """Return whether a message of the failed queue is a discard, not the endpoint's.

    Raises:
        MessageError: it is not JSON.
    """
    data = read_json(body)
    return isinstance(data, dict) and data.get("type") == "DiscardDue"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardChunks:
    """Handles one discard.

    A duplicate, or one that a redrive or a late success overtook, does nothing.
    """

    lookup: LedgerLookup
    settler: ChunkSettler
    rejection: Rejection
    acts: PersonsActs

    def handle(self, message: DiscardDue) -> Outcome:
        """Handle the message and return its outcome.

        Raises:
            TransientError: a service did not respond: the queue delivers the message again.
            ContractError: the chunk's objects contradict the ledger.
        """
        context = self.lookup.find(InferenceId(message.job_id, message.range, message.attempt))
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        chunk, job = context.chunk, context.job
        if chunk.state is ChunkState.OPEN and job.state is JobState.CLOSING:
            return self.settler.cancel(chunk)
        if chunk.state is not ChunkState.OPEN or chunk.attempt != message.attempt or not chunk.parked:
            self.acts.record_late(chunk, message)
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        if not job.state.accepts_results:
            return self.settler.acknowledge(chunk.job_id, Outcome.CLOSED)
        entry = self.acts.entry(chunk, message)
        return self.rejection.reject(chunk, context.settings, message.reason, lost_input=True, entry=entry)
