"""The service that turns a due retry into an attempt: intent, invocation, confirmation."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.failures.holding import Holding
from tailrace_consumers.chunks.failures.parking import Parking
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup
from tailrace_consumers.chunks.persons_acts import PersonsActs
from tailrace_consumers.chunks.retry_scheduling import RetryScheduler
from tailrace_consumers.outcomes import Outcome
from tailrace_core.errors import ThrottledError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.probing import HeldStep, may_repeat_control
from tailrace_core.jobs.reasons import UNPROVEN_NOTE
from tailrace_core.messages.events import RetryDue

THROTTLED_BASE_S = 30.0
"""Base of the backoff after throttling: one step longer than an ordinary retry's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRetries:
    """Handles one due retry. A duplicate finds the attempt invoked and does nothing."""

    lookup: LedgerLookup
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    holding: Holding
    parking: Parking
    scheduler: RetryScheduler
    acts: PersonsActs
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
        if _stale(context.chunk, message):
            self.acts.record_late(context.chunk, message)
            return Outcome.STALE
        if message.held_since is not None and (decided := self._held(context, message, message.held_since)) is not None:
            return decided
        intended = self._intended(context.job, context.chunk, message)
        if intended is None:
            self.acts.record_late(context.chunk, message)
            return Outcome.STALE
        return self._invoke(context, intended, message)

    def _held(self, context: ChunkContext, message: RetryDue, held_since: int) -> Outcome | None:
        """Decide on a held chunk; None when it is to be invoked."""
        match self.holding.step(context.job, context.chunk, held_since):
            case HeldStep.INVOKE:
                return None
            case HeldStep.HOLD:
                self.holding.hold_again(context.chunk, message)
                return Outcome.POSTPONED
            case HeldStep.PARK if may_repeat_control(context.job, self.attempts.now()):
                # Nothing shows that the endpoint is down: the failure of this attempt sends another
                # control.
                return None
            case HeldStep.PARK:
                reason = f"{message.reason} ({UNPROVEN_NOTE})"
                return self.parking.park(context.chunk, context.settings, FailureClass.TRANSIENT, reason)

    def _intended(self, job: Job, chunk: Chunk, message: RetryDue) -> Chunk | None:
        """Return the chunk with the message's attempt intended; None if another message was faster.

        The intent may stem from an earlier delivery that died before its invocation.
        """
        if chunk.attempt == message.attempt:
            return chunk
        scored = job.answers if message.tries > chunk.tries else message.held_since
        return self.attempts.begin(
            chunk,
            tries=message.tries,
            reason=message.reason,
            redrives=message.redrives,
            scored=scored,
            entry=self.acts.entry(chunk, message),
        )

    def _invoke(self, context: ChunkContext, chunk: Chunk, message: RetryDue) -> Outcome:
        try:
            return self.attempt_invoker.invoke_or_park(chunk, context.settings)
        except ThrottledError as exc:
            wait_s = max(
                exc.retry_after_s or 0.0,
                backoff_s(chunk.attempts_since_redrive, self.random_source, base_s=THROTTLED_BASE_S),
            )
        # The probes have been heard: once it was decided, a held chunk only waits for its turn.
        self.scheduler.schedule(chunk, message.model_copy(update={"held_since": None}), wait_s)
        return Outcome.POSTPONED


def _stale(chunk: Chunk, message: RetryDue) -> bool:
    """Return whether the attempt was made already, or is not the chunk's next one."""
    if chunk.state is not ChunkState.OPEN or chunk.waiting:
        return True
    if chunk.parked and message.held_since is not None:
        return True
    if chunk.attempt == message.attempt:
        return chunk.invoked or chunk.parked
    return chunk.attempt != message.attempt - 1
