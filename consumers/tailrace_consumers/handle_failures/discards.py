"""What a person's decision to give a parked chunk up leads to: its rows are rejected with the reason given."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.rejection import Rejection
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.decoding import read_json
from tailrace_core.messages.events import DiscardDue


def is_discard(body: str) -> bool:
    """Whether a message of the failed queue is such a decision, and not the endpoint's.

    Raises:
        MessageError: it is not JSON.
    """
    data = read_json(body)
    return isinstance(data, dict) and data.get("type") == "DiscardDue"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardChunks:
    """Handles one decision at a time; a second copy, or one that a redrive or a late success overtook, does nothing."""

    lookup: LedgerLookup
    settler: ChunkSettler
    rejection: Rejection

    def handle(self, message: DiscardDue) -> Outcome:
        """What became of the message.

        Raises:
            TransientError: something did not answer: let the queue deliver it again.
            ContractError: the chunk's objects contradict the ledger.
        """
        context = self.lookup.find(InferenceId(message.job_id, message.range, message.attempt))
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        chunk, job = context.chunk, context.job
        if chunk.state is ChunkState.OPEN and job.state is JobState.CLOSING:
            return self.settler.cancel(chunk)
        if chunk.state is not ChunkState.OPEN or chunk.attempt != message.attempt or not chunk.parked:
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        if not job.state.accepts_results:
            return self.settler.acknowledge(chunk.job_id, Outcome.CLOSED)
        return self.rejection.reject(chunk, context.settings, message.reason, lost_input=True)
