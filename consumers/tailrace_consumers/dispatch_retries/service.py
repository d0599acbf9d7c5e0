"""The service that turns a due retry into an attempt: intent, invocation, confirmation."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import RetryQueue
from tailrace_core.errors import ThrottledError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.messages.events import RetryDue

THROTTLED_BASE_S = 30.0
"""Base of the backoff after throttling: one step longer than an ordinary retry's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRetries:
    """Handles one due retry. A duplicate finds the attempt invoked and does nothing."""

    lookup: LedgerLookup
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    retries: RetryQueue
    random_source: random.Random

    def handle(self, message: RetryDue) -> Outcome:
        """Handle the message and return its outcome.

        Raises:
            TransientError: a service did not respond: the queue delivers the message again.
        """
        context = self.lookup.find(InferenceId(message.job_id, message.range, message.attempt))
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        if not context.job.state.accepts_results or self.attempts.now() >= context.job.deadline_at:
            return Outcome.CLOSED
        intended = self._intended(context.job, context.chunk, message)
        return Outcome.STALE if intended is None else self._invoke(context, intended, message)

    def _intended(self, job: Job, chunk: Chunk, message: RetryDue) -> Chunk | None:
        """Return the chunk with the message's attempt intended; None when the retry is stale.

        The intent may stem from an earlier delivery that died before its invocation.
        """
        if chunk.state is not ChunkState.OPEN or chunk.waiting:
            return None
        if chunk.attempt == message.attempt:
            return None if chunk.invoked or chunk.parked else chunk
        if chunk.attempt != message.attempt - 1:
            return None
        return self.attempts.begin(
            chunk, tries=message.tries, reason=message.reason, redrives=message.redrives, scored=job.rows_scored
        )

    def _invoke(self, context: ChunkContext, chunk: Chunk, message: RetryDue) -> Outcome:
        try:
            return self.attempt_invoker.invoke_or_park(chunk, context.settings)
        except ThrottledError as exc:
            wait_s = max(
                exc.retry_after_s or 0.0, backoff_s(chunk.attempt, self.random_source, base_s=THROTTLED_BASE_S)
            )
        delay_s = math.ceil(wait_s)
        self.retries.send(message, delay_s)
        self.attempts.postpone(chunk, delay_s, message.reason)
        return Outcome.POSTPONED
