"""The holding of chunks whose attempts ran out, until a probe shows whether the endpoint works.

A held chunk is a message in the retries queue. When it comes due, `DispatchRetries` invokes the
chunk, holds it again, or parks it (`tailrace_core.jobs.probing.held_step`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tailrace_consumers.chunks.retry_scheduling import RetryScheduler
from tailrace_core.jobs.history import HistoryEvent
from tailrace_core.jobs.model import Chunk, Job
from tailrace_core.jobs.probing import HeldStep, held_step
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import RetryDue

FIRST_CHECK_S = (10.0, 20.0)
"""Bounds of the delay before the first check: a probe takes about as long as a chunk."""
RECHECK_S = (30.0, 60.0)
"""Bounds of the delay before every other check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Holds chunks, and decides on held ones."""

    ledger: Ledger
    scheduler: RetryScheduler
    random_source: random.Random

    def step(self, job: Job, chunk: Chunk, scored_before: int) -> HeldStep:
        """Return the next step for a chunk, by the ledger's record of the job's probes.

        ``scored_before``: the job's ``answers`` when the chunk was held.
        """
        if job.answers > scored_before:
            return HeldStep.INVOKE
        found = (self.ledger.chunk(job.job_id, each) for each in dict.fromkeys(job.probed))
        probed = [each for each in found if each is not None]
        return held_step(job, chunk, scored_before, probed, self.scheduler.attempts.now())

    def hold(self, job: Job, chunk: Chunk, reason: str) -> None:
        """Hold a chunk whose attempts ran out; its next attempt does not count."""
        message = RetryDue.of(
            chunk, attempt=chunk.attempt + 1, tries=chunk.tries, reason=reason, held_since=job.answers
        )
        entry = self.scheduler.attempts.failure(chunk, HistoryEvent.FAILED, reason)
        self.scheduler.schedule(chunk, message, self.first_delay_s(), entry)

    def resume(self, job: Job, chunk: Chunk) -> None:
        """Queue a held chunk's message once more; the ledger says since when it is held."""
        since = job.answers if chunk.scored_before is None else chunk.scored_before
        message = RetryDue.of(
            chunk, attempt=chunk.attempt + 1, tries=chunk.tries, reason=chunk.reason or "", held_since=since
        )
        self.scheduler.schedule(chunk, message, self.first_delay_s())

    def hold_again(self, chunk: Chunk, message: RetryDue) -> None:
        """Hold a chunk whose message came due."""
        self.scheduler.schedule(chunk, message, self.random_source.uniform(*RECHECK_S))

    def send(self, job: Job, chunk: Chunk) -> None:
        """Queue the first attempt of a chunk that a probe's split made held."""
        message = RetryDue.of(
            chunk, attempt=chunk.attempt, tries=chunk.tries, reason=chunk.reason or "", held_since=job.answers
        )
        self.scheduler.send(message, self.first_delay_s())

    def first_delay_s(self) -> float:
        """Return the seconds before the first check."""
        return self.random_source.uniform(*FIRST_CHECK_S)
