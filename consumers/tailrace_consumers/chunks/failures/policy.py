"""The policy for failed attempts of open chunks: retry, split, reject a row, or park."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.failures.controls import Controls
from tailrace_consumers.chunks.failures.holding import Holding
from tailrace_consumers.chunks.failures.parking import Parking
from tailrace_consumers.chunks.failures.probes import Probes
from tailrace_consumers.chunks.failures.rejection import Rejection
from tailrace_consumers.chunks.failures.splitting import (
    ChildContents,
    child_chunk,
    divide,
    held_child,
    record_split,
    write_child,
)
from tailrace_consumers.chunks.lookup import ChunkContext
from tailrace_consumers.chunks.retry_scheduling import RetryScheduler
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.objects.chunk_rows import read_chunk_rows
from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Meter, ObjectStore
from tailrace_consumers.runtime.metrics import FAILURE_METRICS
from tailrace_core.errors import NotFoundError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.failures import POLICIES, Action, FailureClass
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.jobs.probing import HeldStep, may_separate
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tailrace_core.messages.events import RetryDue
from tailrace_core.parts.chunk_rows import halve, split_off_first, split_off_last

MAX_DELAY_S = 900.0
MAX_REASON_CHARS = 2000
"""Length limit of a reason in the ledger and in events; the failure object holds the rest."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt's failure: the class decides, the reason is for people."""

    failure_class: FailureClass
    reason: str
    reported: bool = True
    """False when its notification was lost: the model responded, but its response is unknown."""


def others_succeed(job: Job, chunk: Chunk) -> bool:
    """Return whether the endpoint answered since the chunk began to fail, or was created.

    If so, the endpoint works.
    """
    return chunk.scored_before is not None and job.answers > chunk.scored_before


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """Applies ``tailrace_core.jobs.failures.POLICIES``.

    Effects come before the ledger's update and are idempotent.
    """

    ledger: Ledger
    store: ObjectStore
    scheduler: RetryScheduler
    holding: Holding
    probes: Probes
    controls: Controls
    parts: Parts
    settler: ChunkSettler
    rejection: Rejection
    parking: Parking
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    random_source: random.Random
    meter: Meter

    def apply(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        """Act on the failure of the chunk's current attempt.

        ``chunk`` is open and ``job`` accepts results.

        Raises:
            TransientError: a service did not respond; the same message may be handled again.
            ContractError: the chunk's objects contradict the ledger.
        """
        self.meter.record(FAILURE_METRICS[failure.failure_class], 1)
        short = dataclasses.replace(failure, reason=failure.reason[:MAX_REASON_CHARS])
        if chunk.retry is not None and chunk.retry.held:
            # A repeated notification: this failure is no evidence about what happened since.
            self.holding.resume(job, chunk)
            return Outcome.RETRYING
        match self._action(job, settings, chunk, short):
            case Action.RETRY:
                return self._retry(chunk, short)
            case Action.SPLIT:
                return self._isolate(job, settings, chunk, short)
            case Action.PROBE:
                return self._probe(job, settings, chunk, short)
            case Action.PARK:
                return self.parking.park(chunk, settings, short.failure_class, short.reason)

    def halve(self, context: ChunkContext, reason: str, entry: HistoryEntry | None) -> Outcome:
        """Split an open chunk in halves on a person's request, and invoke both.

        A chunk that cannot be split stays parked: a single row, one whose input is missing, or one
        of a job whose split budget is spent.
        """
        job, settings, chunk = context.job, context.settings, context.chunk
        if chunk.rows_sent < 2:  # noqa: PLR2004 - two halves
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        try:
            both = divide(read_chunk_rows(self.store, chunk, settings), halve)
        except NotFoundError:
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        for half in both:
            write_child(self.store, chunk.job_id, half)
        parent = dataclasses.replace(chunk, reason=reason, settled_at=self.attempts.now())
        left, right = (child_chunk(half, job, self.attempts) for half in both)
        outcome, started = record_split(self.ledger, parent, left, right, job=job, window=settings.window, entry=entry)
        if outcome is not SettleOutcome.SETTLED:
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        for each in started:
            self._start(job, each, settings)
        return Outcome.SPLIT

    def resume_split(self, settings: JobSettings, parent: Chunk) -> Outcome:
        """Start the children that an interrupted split left open and not invoked."""
        rows = read_chunk_rows(self.store, dataclasses.replace(parent, state=ChunkState.OPEN), settings)
        divisions = [divide(rows, each) for each in (halve, split_off_first, split_off_last)]
        for half in {each.range: each for both in divisions for each in both}:
            found = self.ledger.chunk(parent.job_id, half)
            if found is not None and found.state is ChunkState.OPEN and found.attempt == 1 and not found.invoked:
                self._start(self.ledger.job(parent.job_id), found, settings)
        return self.settler.acknowledge(parent.job_id, Outcome.STALE)

    def _start(self, job: Job | None, child: Chunk, settings: JobSettings) -> None:
        """Start a child of a split: queue it if it is held, otherwise invoke it."""
        if child.retry is None:
            self.attempt_invoker.invoke_or_park(child, settings)
        elif child.retry.held and job is not None:
            self.holding.send(job, child)

    def _action(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Action:
        policy = POLICIES[failure.failure_class]
        exhausted = policy.counted and chunk.tries >= settings.max_attempts
        if policy.first is not Action.RETRY:
            return policy.first
        if policy.last is not Action.SPLIT:
            return policy.last if exhausted else policy.first
        # A lost notification costs minutes until the reconciler's check: retry fewer rows, not the
        # same ones.
        early = not failure.reported and chunk.rows_sent > 1
        if not exhausted and not early:
            return Action.RETRY
        if others_succeed(job, chunk):
            return Action.SPLIT
        if exhausted and not failure.reported and chunk.rows_sent == 1 and job.rows_scored:
            # The model answered it each time, and a control's answer would be lost as well.
            return Action.SPLIT
        # The endpoint may be at fault: then a split multiplies requests and rejects good rows.
        return Action.PROBE if exhausted or may_separate(job) else Action.RETRY

    def _retry(self, chunk: Chunk, failure: Failure) -> Outcome:
        counted = POLICIES[failure.failure_class].counted
        delay_s = backoff_s(chunk.attempts_since_redrive, self.random_source, cap_s=MAX_DELAY_S)
        message = RetryDue.of(chunk, attempt=chunk.attempt + 1, tries=chunk.tries + counted, reason=failure.reason)
        entry = self.attempts.failure(chunk, HistoryEvent.FAILED, failure.reason)
        self.scheduler.schedule(chunk, message, delay_s, entry)
        return Outcome.RETRYING

    def _probe(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        if chunk.rows_sent > 1 and may_separate(job):
            delivered = self._deliver_part(settings, chunk, failure)
            return delivered or self._split(job, settings, chunk, failure, probing=True)
        return self._hold_or_park(job, settings, chunk, failure)

    def _hold_or_park(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        stuck = self.holding.step(job, chunk, job.answers) is HeldStep.PARK
        if stuck and not self.controls.send(job, settings):
            return self.parking.park(chunk, settings, failure.failure_class, failure.reason)
        self.holding.hold(job, chunk, failure.reason)
        return Outcome.RETRYING

    def _isolate(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        if chunk.rows_sent == 1:
            return self._reject(settings, chunk, failure)
        delivered = self._deliver_part(settings, chunk, failure)
        return delivered or self._split(job, settings, chunk, failure)

    def _reject(self, settings: JobSettings, chunk: Chunk, failure: Failure, *, isolated: bool = True) -> Outcome:
        entry = self.attempts.failure(chunk, HistoryEvent.REJECTED, failure.reason)
        return self.rejection.reject(chunk, settings, failure.reason, isolated=isolated, entry=entry)

    def _deliver_part(self, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome | None:
        """Settle an existing part.

        Another attempt has succeeded, or a rejection was interrupted.
        """
        part = self.parts.find(chunk)
        if part is None:
            return None
        if part.rejected == chunk.range.rows:
            return self._reject(settings, chunk, failure)
        return self.settler.settle_part(chunk, settings, part)

    def _split(
        self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure, *, probing: bool = False
    ) -> Outcome:
        try:
            rows = read_chunk_rows(self.store, chunk, settings)
        except NotFoundError as exc:
            reason = f"{failure.reason} (and the chunk cannot be split: {exc.message})"
            return self.parking.park(chunk, settings, FailureClass.INFRASTRUCTURE, reason)
        if not probing:
            both = divide(rows, halve if job.rows_scored else split_off_first)
            return self._replace(job, settings, chunk, failure, both)
        separated = self.probes.separate(job, rows)
        if separated is None:
            return self._hold_or_park(self.ledger.job(job.job_id) or job, settings, chunk, failure)
        return self._replace(job, settings, chunk, failure, separated, probing=True)

    def _replace(
        self,
        job: Job,
        settings: JobSettings,
        chunk: Chunk,
        failure: Failure,
        both: tuple[ChildContents, ChildContents],
        *,
        probing: bool = False,
    ) -> Outcome:
        for half in both:
            write_child(self.store, chunk.job_id, half)
        parent = dataclasses.replace(chunk, reason=failure.reason, settled_at=self.attempts.now())
        left, right = (child_chunk(half, job, self.attempts) for half in both)
        entry = self.attempts.failure(chunk, HistoryEvent.SPLIT, failure.reason)
        if probing:
            left, right = self._hold_rest(parent, left, right)
            # The rest keeps a place in the window, where it waits for the row and the row for it.
            outcome, started = self.ledger.split(parent, left, right, entry=entry), [left, right]
        else:
            outcome, started = record_split(
                self.ledger, parent, left, right, job=job, window=settings.window, entry=entry
            )
        match outcome:
            case SettleOutcome.SETTLED:
                for each in started:
                    self._start(job, each, settings)
                return Outcome.SPLIT
            case SettleOutcome.NO_BUDGET if probing:
                return self._hold_or_park(self.ledger.job(job.job_id) or job, settings, chunk, failure)
            case SettleOutcome.NO_BUDGET:
                return self._reject(settings, chunk, failure, isolated=False)
            case SettleOutcome.REFUSED:
                return self.settler.cancel(chunk)
            case _:
                return self._already(settings, chunk, failure)

    def _hold_rest(self, parent: Chunk, left: Chunk, right: Chunk) -> tuple[Chunk, Chunk]:
        """Hold the larger child, from which a row was separated."""
        delay_s = self.holding.first_delay_s()
        if left.rows_sent > right.rows_sent:
            return held_child(left, parent, self.attempts, delay_s), right
        return left, held_child(right, parent, self.attempts, delay_s)

    def _already(self, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        found = self.ledger.chunk(chunk.job_id, chunk.range)
        if found is not None and found.state is ChunkState.SPLIT:
            return self.resume_split(settings, found)
        if found is not None and found.answered:
            return self._deliver_part(settings, chunk, failure) or self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
