"""The service that has an endpoint score a chunk, stores the answer and reports it."""

from __future__ import annotations

from dataclasses import dataclass

from tailrace_consumers.chunks.failures.controls import is_control
from tailrace_consumers.chunks.lookup import ChunkContext, LedgerLookup
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import Clock, ModelEndpoint, NotificationQueues, ObjectStore
from tailrace_consumers.score_chunks import failure_reasons, notifications
from tailrace_core.aws.model_errors import failure_reason, no_response
from tailrace_core.engines import Engine, limits_of
from tailrace_core.errors import AccessDeniedError, NotFoundError, PermanentError, TailraceError, TransientError
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import ChunkState
from tailrace_core.messages.scoring import ScoreDue
from tailrace_core.objects import keys
from tailrace_core.objects.locations import parse_trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChunks:
    """Handles one request.

    A request that is delivered again scores again, and overwrites its own answer; the ledger
    settles the chunk once. Only the ledger is read here: nothing is settled.
    """

    bucket: str
    lookup: LedgerLookup
    store: ObjectStore
    endpoint: ModelEndpoint
    notifications: NotificationQueues
    clock: Clock

    def handle(self, request: ScoreDue) -> Outcome:
        """Handle the request and return its outcome.

        Raises:
            TransientError: the bucket, the ledger or a queue did not respond: the queue delivers
                the request again.
            ContractError: the input does not lie where Tailrace's do.
        """
        inference = InferenceId.parse(request.inference_id)
        if inference is None:
            return Outcome.NOT_OURS
        context = self.lookup.find(inference)
        if context is None:
            return Outcome.UNKNOWN_CHUNK
        return self._skipped(context, inference) or self._score(request, inference, context)

    def _skipped(self, context: ChunkContext, inference: InferenceId) -> Outcome | None:
        """Return the outcome of a request whose answer nobody needs (any more), else None."""
        if not context.job.state.accepts_results or self.clock() >= context.job.deadline_at:
            return Outcome.CLOSED
        if is_control(inference):
            return None
        # A later attempt has a request of its own.
        replaced = inference.attempt < context.chunk.attempt
        return Outcome.STALE if replaced or context.chunk.state is not ChunkState.OPEN else None

    def _score(self, request: ScoreDue, inference: InferenceId, context: ChunkContext) -> Outcome:
        # Of a batch transform, an endpoint scores what few chunks a round left over.
        chosen = context.settings.engine
        engine = Engine.REALTIME if chosen is Engine.TRANSFORM else chosen
        max_bytes = limits_of(engine).max_bytes
        if self.clock() >= request.sent_at + request.request_ttl_s:
            return self._fail(request, failure_reasons.EXPIRED)
        try:
            body = self._read(request, max_bytes)
        except (NotFoundError, AccessDeniedError) as exc:
            return self._fail(request, failure_reasons.download_failed(exc.message))
        if body is None:
            return self._fail(request, failure_reasons.input_too_large(max_bytes))
        try:
            answer = self.endpoint.invoke(request, body, max_bytes=max_bytes)
        except (TransientError, PermanentError) as exc:
            return self._fail(request, _reason(exc, request, inference, engine))
        # The answer first: a crash in between repeats both, and a notification never names an
        # object that is not there.
        key = keys.output_key(str(inference))
        self.store.put(key, answer.body)
        self.notifications.send(
            notifications.completed(request, self.clock(), self.store.locate(key), answer.content_type), succeeded=True
        )
        return Outcome.ANSWERED

    def _read(self, request: ScoreDue, max_bytes: int) -> bytes | None:
        """Return the input; None when it is larger than the endpoint takes."""
        key = parse_trusted(request.input_location, bucket=self.bucket, prefix=keys.JOBS).key
        blocks: list[bytes] = []
        size = 0
        for block in self.store.read(key):
            size += len(block)
            if size > max_bytes:
                return None
            blocks.append(block)
        return b"".join(blocks)

    def _fail(self, request: ScoreDue, reason: str) -> Outcome:
        self.notifications.send(
            notifications.failed(request, self.clock(), failure_reasons.one_line(reason)), succeeded=False
        )
        return Outcome.FAILED


def _reason(error: TailraceError, request: ScoreDue, inference: InferenceId, engine: Engine) -> str:
    """Return the reason for an error of the endpoint.

    The service itself ends a request after a minute, and says so. Silence for longer is no verdict
    on the rows: it is one on them only where the job gave the model less time, and where there is
    more than one row to split.
    """
    slow = request.invocation_timeout_s < limits_of(engine).max_model_s and inference.range.rows > 1
    if error.details.get("timed_out") and not slow:
        return no_response(error.message)
    return failure_reason(error, serverless=engine is Engine.SERVERLESS)
