"""The service that turns a success into a part, its event and a settled chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailrace_consumers.chunks.failures.controls import Controls, is_control
from tailrace_consumers.chunks.failures.policy import Failure, FailurePolicy
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup, identify_attempt
from tailrace_consumers.chunks.settling import ChunkSettler, Timings
from tailrace_consumers.objects.chunk_rows import canary_layout, read_chunk_rejects, read_sent_lines
from tailrace_consumers.objects.parts import Part, Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError, ObjectStore
from tailrace_consumers.runtime.grouped_settling import PendingSettlement
from tailrace_consumers.settings import Settings
from tailrace_core.answers.reader import AnswerReader, ExpectedPredictions
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import AlignmentError, NotFoundError, TransientError
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.messages.notifications import Notification
from tailrace_core.objects import keys
from tailrace_core.objects.locations import S3Location, parse_trusted
from tailrace_core.parts.alignment import aligned_predictions, part_blocks
from tailrace_core.parts.answer_shapes import AnswerShapes
from tailrace_core.parts.joining import kept_lines
from tailrace_core.positions.canary_layout import CanaryLayout

REJECTED_BEFORE = (
    "an earlier attempt failed, and the consumer that rejected its rows died before it recorded the reason"
)
HEADER_SCORED = "the model scored the header; its prediction was dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectResults:
    """Handles one notification of success. Duplicates and any order lead to the same result."""

    settings: Settings
    lookup: LedgerLookup
    store: ObjectStore
    parts: Parts
    settler: ChunkSettler
    controls: Controls
    shapes: AnswerShapes
    policy: FailurePolicy | None
    """None while other notifications are in progress.

    A failure reads the chunk's rows into memory, and depends on what else of its job was scored."""

    def handle(self, notification: Notification) -> Outcome:
        """Handle the notification and return its outcome; raise what `collect` raises."""
        collected = self.collect(notification)
        return collected if isinstance(collected, Outcome) else self.settler.settle(collected)

    def collect(self, notification: Notification) -> Outcome | PendingSettlement:
        """Handle the notification up to the part; return what is to follow, or the outcome.

        Raises:
            TransientError: a service did not respond, or the output does not exist (yet): the queue
                delivers the message again.
            ContractError: a location outside the endpoint's prefixes, or objects that contradict
                the ledger.
            DeferToSerialError: the message needs the failure policy, or an object above the store's
                read limit; it has had no effect.
        """
        inference = identify_attempt(notification, self.settings.endpoint_name, succeeded=True)
        if isinstance(inference, Outcome):
            return inference
        context = self.lookup.find(inference)
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        if is_control(inference):
            return self._control(context, inference, notification)
        stopped = self._stopped(context)
        if stopped is not None:
            return stopped
        key = self._output_key(notification, inference, context.chunk)
        return Outcome.REFUSED if key is None else self._collect(context, inference, key, _timings(notification))

    def _stopped(self, context: ChunkContext) -> Outcome | None:
        """Return the outcome of a success that does not count (any more); None when it counts."""
        if context.chunk.state is not ChunkState.OPEN:
            return self.settler.acknowledge(context.job.job_id, Outcome.STALE)
        if context.job.state is JobState.CLOSING:
            return self.settler.cancel(context.chunk)
        if not context.job.state.accepts_results:
            return self.settler.acknowledge(context.job.job_id, Outcome.CLOSED)
        return None

    def _control(self, context: ChunkContext, inference: InferenceId, notification: Notification) -> Outcome:
        """Count the answer to a control; the chunk was settled before.

        An error page answered as a success does not show that the endpoint works.
        """
        named = notification.response.output_location
        if named is None:
            return Outcome.REFUSED
        key = parse_trusted(named, bucket=self.settings.bucket, prefix=keys.OUTPUTS).key
        if context.chunk.state is ChunkState.SCORED and self.store.head(key) is not None:
            self.controls.record(context.job, inference, scored=self._misaligned(context, key) is None)
        return self.settler.acknowledge(inference.job_id, Outcome.STALE)

    def _output_key(self, notification: Notification, inference: InferenceId, chunk: Chunk) -> str | None:
        """Return the output's key.

        None when the notification contradicts the ledger: forged, or of a replaced invocation.
        """
        if inference.attempt > chunk.attempt:
            # The ledger records an attempt's intent before its invocation; it does not know this
            # attempt.
            return None
        current = inference.attempt == chunk.attempt
        recorded = chunk.output_location if current else None
        named = notification.response.output_location or recorded
        if named is None:
            raise TransientError(f"{inference}: neither the notification nor the ledger (yet) says where the output is")
        location = parse_trusted(named, bucket=self.settings.bucket, prefix=keys.OUTPUTS)
        return location.key if recorded is None or location == S3Location.parse(recorded) else None

    def _collect(
        self, context: ChunkContext, inference: InferenceId, key: str, timings: Timings
    ) -> Outcome | PendingSettlement:
        chunk, settings = context.chunk, context.settings
        try:
            part, reason = self._write(context, key)
        except AlignmentError as exc:
            if inference.attempt != chunk.attempt:
                return self.settler.acknowledge(chunk.job_id, Outcome.STALE)
            return self._refuse(context, exc)
        if part.rejected == chunk.range.rows:
            return self._rejected_before(context, inference, key)
        return self.settler.pending_part(chunk, settings, part, timings=timings, reason=reason)

    def _rejected_before(self, context: ChunkContext, inference: InferenceId, key: str) -> Outcome:
        """Resume an interrupted rejection when no other message will."""
        chunk = context.chunk
        if inference.attempt == chunk.attempt:
            misaligned = self._misaligned(context, key)
            if misaligned is not None or chunk.attempt > 1:
                # This message began it, or possibly a failure of an earlier attempt.
                reason = REJECTED_BEFORE if misaligned is None else misaligned.message
                return self._fail(context, reason)
        # A failure came first and is being recorded; its own message completes it.
        return self.settler.acknowledge(chunk.job_id, Outcome.STALE)

    def _refuse(self, context: ChunkContext, error: AlignmentError) -> Outcome:
        """Act on an answer that holds no predictions, and keep what it says about later ones."""
        if self.policy is None:
            raise DeferToSerialError(error.message)
        # Answers to other chunks may establish the shape that this one can then be held to.
        has_others = context.chunk.range.rows != context.job.rows_total
        early = context.chunk.tries < context.settings.max_attempts
        if has_others and early and self.shapes.is_undecided(context.job, context.settings, error):
            return self._fail(context, error.message, FailureClass.TRANSIENT)
        self.shapes.record_misfit(context.job, error)
        return self._fail(context, error.message)

    def _fail(self, context: ChunkContext, reason: str, why: FailureClass = FailureClass.DATA) -> Outcome:
        if self.policy is None:
            raise DeferToSerialError(reason)
        return self.policy.apply(context.job, context.settings, context.chunk, Failure(why, reason))

    def _misaligned(self, context: ChunkContext, key: str) -> AlignmentError | None:
        try:
            for _ in self._predictions(context, key)[0]:
                pass
        except AlignmentError as exc:
            return exc
        return None

    def _write(self, context: ChunkContext, key: str) -> tuple[Part, str | None]:
        # A rejection in progress writes its part before its rejects object, which then no longer
        # tells what was sent.
        chunk, settings = context.chunk, context.settings
        found = self.parts.find(chunk) if chunk.rejected else None
        if found is not None:
            return found, None
        predictions, reader = self._predictions(context, key)
        rejected = [each.row for each in read_chunk_rejects(self.store, chunk)]
        kept = None
        if settings.has_kept_columns:
            kept_key = keys.kept_key(chunk.job_id, chunk.range)
            kept = kept_lines(self.store.read(kept_key), chunk.range.rows, self.store.locate(kept_key))
        blocks = part_blocks(predictions, settings, chunk.range, rejected=rejected, kept=kept)
        part = self.parts.write(chunk, blocks, rejected=chunk.rejected)
        return part, HEADER_SCORED if reader.header_scored else None

    def _predictions(self, context: ChunkContext, key: str) -> tuple[Iterator[list[bytes]], AnswerReader]:
        """Return one prediction for each row sent, after all checks, and the answer's reader."""
        chunk, settings = context.chunk, context.settings
        layout = canary_layout(chunk, settings)
        header = settings.header is HeaderPolicy.REPEAT
        expected = self.shapes.expected(context.job, settings, layout.lines, header=header)
        reader = AnswerReader(expected)
        predictions = aligned_predictions(
            self._output(key),
            reader,
            settings,
            layout,
            first_row=chunk.range.first_row,
            sent=lambda: read_sent_lines(self.store, chunk, settings),
        )
        return self._established(context, predictions, reader, expected, layout), reader

    def _established(
        self,
        context: ChunkContext,
        predictions: Iterator[list[bytes]],
        reader: AnswerReader,
        expected: ExpectedPredictions,
        layout: CanaryLayout,
    ) -> Iterator[list[bytes]]:
        yield from predictions
        # Before the part that they are written to takes effect.
        self.shapes.check_order(context.job, context.chunk, layout)
        self.shapes.establish(context.job, context.chunk, reader, expected)

    def _output(self, key: str) -> Iterator[bytes]:
        try:
            yield from self.store.read(key)
        except NotFoundError as exc:
            raise TransientError(f"{self.store.locate(key)} was announced and does not exist (yet)") from exc


def _timings(notification: Notification) -> Timings:
    return Timings(received_at=notification.received_time, completed_at=notification.event_time)
