"""People's decisions about parked chunks: to discard one, or to redrive it in two halves."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.failures.policy import FailurePolicy
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup
from tailrace_consumers.chunks.persons_acts import PersonsActs
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.outcomes import Outcome
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.decoding import read_json
from tailrace_core.messages.events import DiscardDue, SplitDue, decode


def decode_decision(body: str) -> DiscardDue | SplitDue | None:
    """Decode a message of the failed queue that is a person's decision; None for the endpoint's.

    Raises:
        MessageError: it is not JSON, or not a whole decision.
    """
    data = read_json(body)
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "DiscardDue":
        return decode(DiscardDue, body)
    return decode(SplitDue, body) if kind == "SplitDue" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDecisions:
    """Carries out one decision.

    A duplicate, or one that a redrive or a late success overtook, changes no state.
    """

    lookup: LedgerLookup
    settler: ChunkSettler
    policy: FailurePolicy
    acts: PersonsActs

    def handle(self, message: DiscardDue | SplitDue) -> Outcome:
        """Carry out the decision and return the outcome of its message.

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
            halved = chunk.state is ChunkState.SPLIT and chunk.attempt == message.attempt
            if halved and isinstance(message, SplitDue) and job.state.accepts_results:
                # The halves may not have been invoked yet.
                return self.policy.resume_split(context.settings, chunk)
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        if not job.state.accepts_results:
            return self.settler.acknowledge(chunk.job_id, Outcome.CLOSED)
        return self._carry_out(context, message)

    def _carry_out(self, context: ChunkContext, message: DiscardDue | SplitDue) -> Outcome:
        entry = self.acts.entry(context.chunk, message)
        if isinstance(message, SplitDue):
            return self.policy.halve(context, message.reason, entry)
        reject = self.policy.rejection.reject
        return reject(context.chunk, context.settings, message.reason, lost_input=True, entry=entry)
