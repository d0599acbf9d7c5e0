"""What a failed attempt of an open chunk leads to: another attempt, two smaller chunks, a rejected row, or a person."""

from __future__ import annotations

import dataclasses
import math
import random
from dataclasses import dataclass

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.parking import Parking
from tailrace_consumers.chunks.rejection import Rejection
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.chunks.splitting import child_chunk, halve, split_off_first, write_child
from tailrace_consumers.metrics import FAILURE_METRICS
from tailrace_consumers.objects.chunk_rows import read_chunk_rows
from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Meter, ObjectStore, RetryQueue
from tailrace_core.errors import NotFoundError
from tailrace_core.jobs.failures import POLICIES, Action, FailureClass, backoff_s
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tailrace_core.messages.events import RetryDue

MAX_DELAY_S = 900.0
MAX_REASON_CHARS = 2000
"""Of a reason, in the ledger and in events; the failure object holds the rest."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: the class decides, the text is for people."""

    failure_class: FailureClass
    reason: str
    reported: bool = True
    """False when its notification was lost: the model answered, and nobody knows what."""


def others_succeed(job: Job, chunk: Chunk) -> bool:
    """Whether rows of the job were scored since the chunk began to fail, or was made: the endpoint answers, then."""
    return chunk.scored_before is not None and job.rows_scored > chunk.scored_before


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """Applies ``tailrace_core.jobs.failures.POLICIES``. Effects come before the ledger; each may happen twice."""

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
        """Act on the failure of the chunk's current attempt; ``chunk`` is open and ``job`` accepts results.

        Raises:
            TransientError: something did not answer; the same message may be handled again.
            ContractError: the chunk's objects do not hold what the ledger says.
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
        """Invoke what a split that died half-way left open and not invoked."""
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
        # Each look of the reconciler takes minutes: it goes to a part of the rows, and not to the same ones again.
        early = not failure.reported and chunk.rows_sent > 1
        return Action.SPLIT if early and self._may_isolate(job, chunk, failure) else Action.RETRY

    def _may_isolate(self, job: Job, chunk: Chunk, failure: Failure) -> bool:
        """Whether it may be the rows. If it is the endpoint, splitting multiplies requests and rejects good rows."""
        if others_succeed(job, chunk):
            return True
        # One split without a sign, to get one. If nothing was ever scored, a server's error is sign enough.
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
        """Another attempt has succeeded, or a rejection is half done: what stands there is to be delivered."""
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
        match self.ledger.split(dataclasses.replace(chunk, reason=failure.reason), left, right):
            case SettleOutcome.SETTLED:
                for each in (left, right):
                    self.attempt_invoker.invoke_or_park(each, settings)
                return Outcome.SPLIT
            case SettleOutcome.NO_BUDGET if doubted:
                self.parking.park(chunk, settings, failure.failure_class, failure.reason)
                return Outcome.PARKED
            case SettleOutcome.NO_BUDGET:
                return self.rejection.reject(chunk, settings, f"split budget spent: {failure.reason}")
            case SettleOutcome.REFUSED:
                return self.settler.cancel(chunk)
            case SettleOutcome.ALREADY:
                return self._already(settings, chunk, failure)

    def _already(self, settings: JobSettings, chunk: Chunk, failure: Failure) -> Outcome:
        found = self.ledger.chunk(chunk.job_id, chunk.range)
        if found is not None and found.state is ChunkState.SPLIT:
            return self.resume_split(settings, found)
        if found is not None and found.answered:
            return self._deliver_part(settings, chunk, failure) or self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
