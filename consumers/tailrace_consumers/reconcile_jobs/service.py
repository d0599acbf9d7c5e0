"""The service that reconciles overdue chunks and jobs.

It handles lost notifications, unconfirmed attempts, jobs past their deadline, and dead finishers.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from functools import partial

from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.job_completion import JobCompletion
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.retry_scheduling import RetryScheduler
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Meter, NotificationQueues, ObjectStore, RoundQueue
from tailrace_consumers.reconcile_jobs.visits import Finding, ReadJob, Visit, take_turns
from tailrace_consumers.runtime.batches import handle_concurrently
from tailrace_consumers.runtime.metrics import Metric
from tailrace_core.engines import Engine
from tailrace_core.errors import ContractError, TailraceError
from tailrace_core.jobs.failures import LOST_NOTIFICATION_REASON
from tailrace_core.jobs.history import HistoryEvent
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.ledger.closing import DEADLINE_PASSED
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import RetryDue
from tailrace_core.messages.notifications import RESULT
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.objects import keys
from tailrace_core.objects.locations import parse_trusted
from tailrace_core.transforms.rounds import round_of

MIN_RECHECK_S = 300.0
MAX_RECHECK_S = 3_600.0
WAITING_RECHECK_S = 900.0
"""Interval of checks of a job with waiting chunks.

When none is in flight, nobody else invokes them.
"""
ANSWER_GRACE_S = 900.0
"""Time beyond an attempt's TTL and timeout before it is given up."""
MAX_CHUNKS_PER_SHARD = 2_500
"""Due chunks of a job that a run lists, in each of 8 shards: twice what it can handle."""
CONCURRENCY = 8
"""Items handled at once: they mostly wait for AWS."""
JOB_READ_S = 5.0
"""Time for which a run's checks of chunks use a job as it was read."""
MAX_CANCELLED_PER_RUN = 5_000
DEADLINE_GRACE_S = 900.0
"""Time past its deadline before a job counts as late: three runs could have ended it."""
NO_CONFIRMATION = "the ledger holds no confirmation that the previous attempt was invoked"
NO_ANSWER = "no answer within the request's time to live and the invocation's timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileJobs:
    """Reconciles due items, bounded in number and time.

    Concurrent runs are harmless: each step is idempotent.
    """

    bucket: str
    ledger: Ledger
    lookup: LedgerLookup
    store: ObjectStore
    attempts: Attempts
    attempt_invoker: AttemptInvoker
    settler: ChunkSettler
    completion: JobCompletion
    scheduler: RetryScheduler
    notifications: NotificationQueues
    meter: Meter
    rounds: RoundQueue | None = None
    """The queue of RunTransforms, in a stack that runs transform jobs."""
    concurrency: int = 1

    def run(self, seconds: float) -> tuple[Counter[Finding], list[str]]:
        """Reconcile due items for up to ``seconds``; return the findings, and the errors as text.

        All jobs come first, then chunks, those of each job in turn. Records the number of late
        jobs, also when it is 0: an alarm watches for missing data.
        """
        started = self.attempts.now()
        due = list(self.ledger.overdue(started, MAX_CHUNKS_PER_SHARD))
        jobs = sorted((each for each in due if each.range is None), key=lambda each: each.due_at)
        visits = [Visit(each) for each in (*jobs, *take_turns(each for each in due if each.range is not None))]
        try:
            visit = partial(self._visit, started + seconds, {})
            handle_concurrently(visit, visits, concurrency=self.concurrency)
        finally:
            self.meter.record(Metric.JOBS_PAST_DEADLINE, len({each.due.job_id for each in visits if each.late}))
        unexpected = next((each.unexpected for each in visits if each.unexpected is not None), None)
        if unexpected is not None:
            raise unexpected
        return Counter(each.finding for each in visits if each.finding is not None), [
            each.error for each in visits if each.error is not None
        ]

    def _visit(self, until: float, jobs: dict[str, ReadJob], visit: Visit) -> None:
        """Reconcile one item unless the time is over; postpone it if that fails."""
        due = visit.due
        now = self.attempts.now()
        # The deadline of a job that is not reached, or cannot be read, is unknown. Its check is due
        # before the deadline: the job counts as late when that check is.
        visit.late = due.range is None and now >= due.due_at + DEADLINE_GRACE_S
        if now >= until:
            return
        try:
            job = self._job(due, jobs)
            visit.late = job is not None and self._is_late(job)
            visit.finding = self._reconcile(job, due)
            if visit.finding is Finding.EXPIRED:
                jobs.pop(due.job_id, None)
        except Exception as exc:  # noqa: BLE001 one failing item must not block the rest
            visit.finding = Finding.FAILED
            visit.error = f"{due.job_id} {due.range.name if due.range else ''}: {exc}"
            if not isinstance(exc, TailraceError | ValueError):
                visit.unexpected = exc
            self._postpone_failed(visit)

    def _job(self, due: DueItem, jobs: dict[str, ReadJob]) -> Job | None:
        """Read the job anew for its own check; a chunk's check makes do with one just read.

        Each step of that check has its own conditions in the ledger.
        """
        if due.range is None:
            return self.ledger.job(due.job_id)
        known, now = jobs.get(due.job_id), self.attempts.now()
        if known is None or now - known.at >= JOB_READ_S:
            known = jobs[due.job_id] = ReadJob(self.ledger.job(due.job_id), now)
        return known.job

    def _is_late(self, job: Job) -> bool:
        return not job.state.final and self.attempts.now() >= job.deadline_at + DEADLINE_GRACE_S

    def _postpone_failed(self, visit: Visit) -> None:
        """Let the items that were not reached come first in the next run."""
        try:
            self.ledger.postpone_failed(visit.due, self.attempts.now())
        except TailraceError as exc:
            visit.error = f"{visit.error} (and it could not be postponed: {exc})"

    def _reconcile(self, job: Job | None, due: DueItem) -> Finding:
        settings = self.lookup.settings(due.job_id)
        if job is None or settings is None or job.state.final:
            return Finding.SETTLED
        if job.state.accepts_results and self.attempts.now() >= job.deadline_at:
            self.completion.close_job(job.job_id, JobState.EXPIRED, DEADLINE_PASSED, limit=MAX_CANCELLED_PER_RUN)
            return Finding.EXPIRED
        return self._reconcile_job(job, settings) if due.range is None else self._reconcile_chunk(job, settings, due)

    def _reconcile_job(self, job: Job, settings: JobSettings) -> Finding:
        now = self.attempts.now()
        if job.state is JobState.CLOSING:
            outcome = job.outcome or JobState.FAILED
            reason = job.reason or ""
            if not self.completion.close_job(job.job_id, outcome, reason, limit=MAX_CANCELLED_PER_RUN):
                self.ledger.postpone_job(job.job_id, now)
            return Finding.CLOSING
        if job.state is JobState.FINISHING or job.complete:
            self.completion.finish(job)
            return Finding.FINISHED
        # All chunks may have settled just before the producer recorded a waiting one and died.
        self.completion.fill_window(job)
        in_rounds = settings.engine is Engine.TRANSFORM
        if in_rounds and self.rounds is not None:
            # The event of a transform job's end, or what followed from it, may have been lost.
            self.rounds.send(RoundDue(job_id=job.job_id, again=True), 0)
        recheck_s = WAITING_RECHECK_S if job.chunks_waiting or in_rounds else MAX_RECHECK_S
        self.ledger.postpone_job(job.job_id, min(job.deadline_at, now + recheck_s))
        return Finding.WAITING

    def _reconcile_chunk(self, job: Job, settings: JobSettings, due: DueItem) -> Finding:
        chunk = None if due.range is None else self.ledger.chunk(job.job_id, due.range)
        if chunk is None or chunk.state is not ChunkState.OPEN or chunk.parked or chunk.waiting:
            return Finding.SETTLED
        if job.state is JobState.CLOSING:
            self.settler.cancel(chunk)
            return Finding.CANCELLED
        if not chunk.invoked:
            return self._invoke_next(chunk, settings)
        if chunk.retry is None and round_of(chunk.output_location) is not None:
            # Its round is looked at with its job.
            self.ledger.postpone(dataclasses.replace(chunk, due_at=job.deadline_at))
            return Finding.WAITING
        return self._find_answer(chunk) or self._wait(chunk, settings)

    def _invoke_next(self, chunk: Chunk, settings: JobSettings) -> Finding:
        """Invoke the next attempt after an unconfirmed one, which may have reached the service.

        Its success counts too.
        """
        entry = self.attempts.failure(chunk, HistoryEvent.FAILED, NO_CONFIRMATION)
        following = self.attempts.begin(chunk, tries=chunk.tries, reason=chunk.reason or NO_CONFIRMATION, entry=entry)
        if following is None:
            return Finding.SETTLED
        outcome = self.attempt_invoker.invoke_or_park(following, settings)
        return {Outcome.PARKED: Finding.PARKED, Outcome.CLOSED: Finding.CLOSING}.get(outcome, Finding.UNCONFIRMED)

    def _find_answer(self, chunk: Chunk) -> Finding | None:
        """Send the lost notification if the attempt's output or failure exists.

        None when neither does.
        """
        for location, prefix, succeeded in (
            (chunk.output_location, keys.OUTPUTS, True),
            (chunk.failure_location, keys.FAILURES, False),
        ):
            if location is not None and self._is_there(location, prefix):
                self.notifications.send(_notification(chunk, location, succeeded=succeeded), succeeded=succeeded)
                # Repeats with a growing delay if need be: an output that cannot be collected stays
                # visible.
                self.attempts.postpone(chunk, self._recheck_delay_s(chunk), chunk.reason or "")
                return Finding.LOST_SUCCESS if succeeded else Finding.LOST_FAILURE
        return None

    def _is_there(self, location: str, prefix: str) -> bool:
        try:
            key = parse_trusted(location, bucket=self.bucket, prefix=prefix).key
        except ContractError:
            return False
        return self.store.head(key) is not None

    def _wait(self, chunk: Chunk, settings: JobSettings) -> Finding:
        now = self.attempts.now()
        if chunk.invoked_at is None:
            # The confirmation lacks its time: record now as the latest possible time.
            self.ledger.confirm(dataclasses.replace(chunk, invoked_at=now, due_at=now + MIN_RECHECK_S))
            return Finding.WAITING
        give_up_at = chunk.invoked_at + settings.request_ttl_s + settings.invocation_timeout_s + ANSWER_GRACE_S
        if now >= give_up_at:
            self._retry(chunk)
            return Finding.UNANSWERED
        due_at = min(now + self._recheck_delay_s(chunk), give_up_at)
        self.ledger.postpone(dataclasses.replace(chunk, due_at=due_at))
        return Finding.WAITING

    def _recheck_delay_s(self, chunk: Chunk) -> float:
        """Return the delay of the next check: half of the attempt's age, within bounds."""
        age_s = 0.0 if chunk.invoked_at is None else self.attempts.now() - chunk.invoked_at
        return min(max(age_s / 2, MIN_RECHECK_S), MAX_RECHECK_S)

    def _retry(self, chunk: Chunk) -> None:
        """Queue a retry as for an expired request: not counted, bounded by the job's deadline."""
        message = RetryDue.of(chunk, attempt=chunk.attempt + 1, tries=chunk.tries, reason=NO_ANSWER)
        self.scheduler.schedule(chunk, message, 0.0, self.attempts.failure(chunk, HistoryEvent.FAILED, NO_ANSWER))


def _notification(chunk: Chunk, location: str, *, succeeded: bool) -> str:
    """Build the notification that the endpoint would have sent, as far as its fields are known."""
    known = {
        "eventName": RESULT,
        "invocationStatus": "Completed" if succeeded else "Failed",
        "inferenceId": str(chunk.inference_id),
        "responseParameters": {"outputLocation" if succeeded else "failureLocation": location},
    }
    return json.dumps(known if succeeded else {**known, "failureReason": LOST_NOTIFICATION_REASON})
