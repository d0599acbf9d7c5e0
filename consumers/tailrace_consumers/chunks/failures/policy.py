"""The policy for failed attempts of open chunks: retry, split, reject a row, or park."""

from __future__ import annotations

import dataclasses
import math
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.failures.parking import Parking
from tailrace_consumers.chunks.failures.rejection import Rejection
from tailrace_consumers.chunks.failures.splitting import child_chunk, halve, record_split, split_off_first, write_child
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.metrics import FAILURE_METRICS
from tailrace_consumers.objects.chunk_rows import read_chunk_rows
from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Meter, ObjectStore, RetryQueue
from tailrace_core.errors import NotFoundError
from tailrace_core.jobs.backoff import backoff_s
from tailrace_core.jobs.failures import POLICIES, Action, FailureClass
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tailrace_core.messages.events import RetryDue

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
    """Return whether rows of the job were scored since the chunk began to fail, or was created.

    If so, the endpoint works.
    """
    return chunk.scored_before is not None and job.rows_scored > chunk.scored_before


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """Applies ``tailrace_core.jobs.failures.POLICIES``.

    Effects come before the ledger's update and are idempotent.
    """

    ledger: Ledger
    store: ObjectStore
    retries: RetryQueue
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
        match self._action(job, settings, chunk, short):
            case Action.RETRY:
                return self._retry(chunk, short)
            case Action.SPLIT:
                return self._isolate(job, settings, chunk, short)
            case Action.PARK:
                self.parking.park(chunk, settings, short.failure_class, short.reason)
                return Outcome.PARKED

    def resume_split(self, settings: JobSettings, parent: Chunk) -> Outcome:
        """Invoke the children that an interrupted split left open and not invoked."""
        rows = read_chunk_rows(self.store, dataclasses.replace(parent, state=ChunkState.OPEN), settings)
        for half in {each.range: each for both in (halve(rows), split_off_first(rows)) for each in both}:
            found = self.ledger.chunk(parent.job_id, half)
            if found is not None and found.state is ChunkState.OPEN and found.attempt == 1 and not found.invoked:
                self.attempt_invoker.invoke_or_park(found, settings)
        return self.settler.acknowledge(parent.job_id, Outcome.STALE)

    def _action(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Action:
        policy = POLICIES[failure.failure_class]
        exhausted = policy.counted and chunk.tries >= settings.max_attempts
        if policy.first is not Action.RETRY:
            return policy.first
        if policy.last is not Action.SPLIT:
            return policy.last if exhausted else policy.first
        if exhausted:
            return Action.SPLIT if self._may_isolate(job, chunk, failure) else Action.PARK
        # A lost notification costs minutes until the reconciler's check: retry fewer rows, not the
        # same ones.
        early = not failure.reported and chunk.rows_sent > 1
        return Action.SPLIT if early and self._may_isolate(job, chunk, failure) else Action.RETRY

    def _may_isolate(self, job: Job, chunk: Chunk, failure: Failure) -> bool:
        """Return whether the rows may be at fault.

        If the endpoint is, a split multiplies requests and rejects good rows.
        """
        if others_succeed(job, chunk):
            return True
        # Without evidence, split once to get some. When no row was ever scored, a server error
        # counts as evidence against the endpoint.
        return chunk.rows_sent > 1 and not chunk.doubted and (job.rows_scored > 0 or not failure.reported)

    def _retry(self, chunk: Chunk, failure: Failure) -> Outcome:
        counted = POLICIES[failure.failure_class].counted
        delay_s = math.ceil(backoff_s(chunk.attempt, self.random_source, cap_s=MAX_DELAY_S))
        message = RetryDue(
            job_id=chunk.job_id,
            first_row=chunk.range.first_row,
            rows=chunk.range.rows,
            attempt=chunk.attempt + 1,
            tries=chunk.tries + counted,
            reason=failure.reason,
        )
        self.retries.send(message, delay_s)
        self.attempts.postpone(chunk, delay_s, failure.reason)
        return Outcome.RETRYING

    def _isolate(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        if chunk.rows_sent == 1:
            return self.rejection.reject(chunk, settings, failure.reason)
        delivered = self._deliver_part(settings, chunk, failure)
        return delivered or self._split(job, settings, chunk, failure)

    def _deliver_part(self, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome | None:
        """Settle an existing part.

        Another attempt has succeeded, or a rejection was interrupted.
        """
        part = self.parts.find(chunk)
        if part is None:
            return None
        if part.rejected == chunk.range.rows:
            return self.rejection.reject(chunk, settings, failure.reason)
        return self.settler.settle_part(chunk, settings, part)

    def _split(self, job: Job, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        try:
            rows = read_chunk_rows(self.store, chunk, settings)
        except NotFoundError as exc:
            reason = f"{failure.reason} (and the chunk cannot be split: {exc.message})"
            self.parking.park(chunk, settings, FailureClass.INFRASTRUCTURE, reason)
            return Outcome.PARKED
        doubted = failure.failure_class is FailureClass.TRANSIENT and not others_succeed(job, chunk)
        both = split_off_first(rows) if doubted or not job.rows_scored else halve(rows)
        for half in both:
            write_child(self.store, chunk.job_id, half)
        left, right = (child_chunk(half, job, self.attempts, doubted=doubted) for half in both)
        parent = dataclasses.replace(chunk, reason=failure.reason)
        outcome, started = record_split(self.ledger, parent, left, right, job=job, window=settings.window)
        match outcome:
            case SettleOutcome.SETTLED:
                for each in started:
                    self.attempt_invoker.invoke_or_park(each, settings)
                return Outcome.SPLIT
            case SettleOutcome.NO_BUDGET if doubted:
                self.parking.park(chunk, settings, failure.failure_class, failure.reason)
                return Outcome.PARKED
            case SettleOutcome.NO_BUDGET:
                return self.rejection.reject(chunk, settings, failure.reason, isolated=False)
            case SettleOutcome.REFUSED:
                return self.settler.cancel(chunk)
            case _:
                return self._already(settings, chunk, failure)

    def _already(self, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        found = self.ledger.chunk(chunk.job_id, chunk.range)
        if found is not None and found.state is ChunkState.SPLIT:
            return self.resume_split(settings, found)
        if found is not None and found.answered:
            return self._deliver_part(settings, chunk, failure) or self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
