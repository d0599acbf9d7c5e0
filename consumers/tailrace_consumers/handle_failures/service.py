"""The service that classifies a failure's reason and applies the failure policy to its chunk."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.failures.controls import is_control
from tailrace_consumers.chunks.failures.policy import Failure, FailurePolicy
from tailrace_consumers.chunks.job_completion import JobCompletion
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup, identify_attempt
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.handle_failures.decisions import ParkedDecisions
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import ObjectStore
from tailrace_consumers.settings import Settings
from tailrace_core.errors import AccessDeniedError, ContractError, NotFoundError
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import LOST_NOTIFICATION_REASON, FailureClass
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.notifications import Notification
from tailrace_core.objects import keys
from tailrace_core.objects.locations import S3Location, parse_trusted

MAX_DETAIL_BYTES = 64 * 1024
"""Bytes read of a failure object; the container may have written anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleFailures:
    """Handles one notification of failure.

    Only the current attempt's failure counts, and it counts once.
    """

    settings: Settings
    lookup: LedgerLookup
    store: ObjectStore
    settler: ChunkSettler
    policy: FailurePolicy
    completion: JobCompletion
    decisions: ParkedDecisions

    def handle(self, notification: Notification) -> Outcome:
        """Handle the notification and return its outcome.

        Raises:
            TransientError: a service did not respond: the queue delivers the message again.
            ContractError: the chunk's objects contradict the ledger.
        """
        inference = identify_attempt(notification, self.settings.endpoint_name, succeeded=False)
        if isinstance(inference, Outcome):
            return inference
        context = self.lookup.find(inference)
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        if is_control(inference):
            self.policy.controls.record(context.job, inference, scored=False)
            return self.settler.acknowledge(inference.job_id, Outcome.STALE)
        return self._stopped(context, inference) or self._fail(context, notification)

    def _stopped(self, context: ChunkContext, inference: InferenceId) -> Outcome | None:
        """Return the outcome of a failure that does not count (any more); None when it counts."""
        chunk, job = context.chunk, context.job
        if chunk.state is ChunkState.SPLIT and chunk.attempt == inference.attempt and job.state.accepts_results:
            return self.policy.resume_split(context.settings, chunk)
        if chunk.state is ChunkState.OPEN and job.state is JobState.CLOSING:
            return self.settler.cancel(chunk)
        if chunk.state is not ChunkState.OPEN or chunk.attempt != inference.attempt or chunk.parked:
            return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
        return None if job.state.accepts_results else self.settler.acknowledge(chunk.job_id, Outcome.CLOSED)

    def _fail(self, context: ChunkContext, notification: Notification) -> Outcome:
        named, recorded = notification.response.failure_location, context.chunk.failure_location
        if named and recorded and not _same(named, recorded):
            return Outcome.REFUSED
        said = notification.failure_reason or "no reason was given"
        failure_class = classify(notification.failure_reason)
        detail = self._detail(named or recorded)
        if failure_class is FailureClass.UNKNOWN and detail:
            failure_class = classify(detail)
        unreported = failure_class is FailureClass.UNKNOWN and said == LOST_NOTIFICATION_REASON
        if unreported:
            # The model did respond. As after a server error, no row is rejected at the first try.
            failure_class = FailureClass.TRANSIENT
        reason = f"{said} {detail}" if detail and detail not in said else said
        failure = Failure(failure_class, reason, reported=not unreported)
        outcome = self.policy.apply(context.job, context.settings, context.chunk, failure)
        if outcome is Outcome.CLOSED:
            # The job may have failed just now, because it does not wait for an operator.
            self.completion.cancel_open_chunks(context.job.job_id)
        return outcome

    def _detail(self, location: str | None) -> str:
        """Return the container's own text, for people; the failure counts without it as well."""
        if location is None:
            return ""
        try:
            key = parse_trusted(location, bucket=self.settings.bucket, prefix=keys.FAILURES).key
            body = b""
            for block in self.store.read(key):
                body += block
                if len(body) >= MAX_DETAIL_BYTES:
                    break
        except (NotFoundError, AccessDeniedError, ContractError):
            return ""
        text = body[:MAX_DETAIL_BYTES].decode(errors="replace")
        return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _same(one: str, other: str) -> bool:
    try:
        return S3Location.parse(one) == S3Location.parse(other)
    except ContractError:
        return False
