"""The Lambda functions with their queues: batches, partial failures, deaths, redelivery.

The reconciler runs on its schedule.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.collect_results import handler as collect_results
from tailrace_consumers.composition import Adapters, Composition, aws_adapters
from tailrace_consumers.dispatch_retries import handler as dispatch_retries
from tailrace_consumers.handle_failures import handler as handle_failures
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.reconcile_jobs import handler as reconcile_jobs
from tailrace_consumers.runtime.batches import Record, process_batch
from tailrace_consumers.runtime.deferred_checks import CompletionCheck, DeferredCompletion
from tailrace_consumers.runtime.grouped_settling import GroupedSettling, PendingSettlement
from tailrace_consumers.settings import Settings
from tailrace_core.errors import TailraceError
from tests.faults import score_chunks, transforming
from tests.faults.injection import Crash, Process, Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.cloud import Cloud

Mutation = Callable[[Composition], Composition]
"""Changes the parts of a function, to plant a bug."""

SETTINGS = Settings(
    bucket=names.BUCKET,
    ledger_table=names.TABLE,
    results_topic=names.RESULTS_TOPIC,
    retries_queue=names.RETRIES,
    parked_queue=names.PARKED,
    endpoint_name=names.ENDPOINT,
    succeeded_queue=names.SUCCEEDED,
    failed_queue=names.FAILED,
    transforms_queue=names.TRANSFORMS,
    scoring_queue=names.SCORING,
)
CONSUMERS: dict[str, tuple[str, Any]] = {
    "collect_results": (names.SUCCEEDED, collect_results),
    "handle_failures": (names.FAILED, handle_failures),
    "dispatch_retries": (names.RETRIES, dispatch_retries),
    transforming.ROLE: (names.TRANSFORMS, transforming),
    score_chunks.ROLE: (names.SCORING, score_chunks),
}
"""Each function's queue and its handler's module."""
CHECKS_PER_BATCH = frozenset({"collect_results"})
"""Functions whose handler checks jobs for completion once for each batch."""
RECONCILER = "reconcile_jobs"
RECONCILE_EVERY_S = 300.0


def no_mutation(made: Composition) -> Composition:
    return made


@dataclass
class Functions:
    """Runner of functions. A process and its caches live until it dies, like a Lambda's."""

    cloud: Cloud
    schedule: Schedule
    mutate: Mutation = no_mutation
    seed: int = 0
    piece_bytes: int | None = None
    concurrency: int = 1
    """Messages of a batch that CollectResults handles at once. More than one run in real threads,
    so that a failure found then cannot be replayed."""
    concurrent_max_bytes: int = collect_results.CONCURRENT_MAX_BYTES
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    """Function and outcome of each acknowledged message."""
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    unexpected_errors: list[tuple[str, Exception]] = field(default_factory=list)
    """Exceptions outside the `TailraceError` tree: bugs."""
    deaths: int = 0
    ticked_at: float = 0.0
    rest_engine: str = ""
    """The engine that takes what few chunks a round of transforms leaves; none if empty."""
    _alive: dict[str, tuple[Process, Composition]] = field(default_factory=dict)

    def composition(self, role: str, process: Process | None = None) -> tuple[Process, Composition]:
        """Build a new process and the composition of its services, without planted bugs."""
        process = process or Process(self.cloud, role, self.schedule)
        execute = process.retrying_executor(BotocoreExecutor(self.cloud.client))
        adapters: Adapters = aws_adapters(SETTINGS, execute, self.cloud.clock)
        changes: dict[str, Any] = {"random_source": random.Random(self.seed)}
        if self.piece_bytes is not None:
            changes["store"] = S3ObjectStore(SETTINGS.bucket, execute, upload_part_bytes=self.piece_bytes)
        adapters = dataclasses.replace(adapters, **changes)
        if role == transforming.ROLE:
            return process, transforming.TransformComposition(SETTINGS, adapters, execute, self.rest_engine)
        if role != score_chunks.ROLE:
            return process, Composition(SETTINGS, adapters)
        made = score_chunks.ScoringComposition(SETTINGS, adapters)
        made.invoke_once = process.retrying_executor(BotocoreExecutor(self.cloud.client), policy=score_chunks.ONCE)
        return process, made

    def service(
        self,
        role: str,
        made: Composition,
        completion_check: CompletionCheck | None = None,
        *,
        serial: bool = True,
        ahead: LedgerLookup | None = None,
    ) -> Any:
        """Build the service for one message, or for one run of the reconciler.

        ``completion_check`` is for functions that check jobs once for each batch, and ``ahead`` has
        read the chunks of one.
        """
        module = reconcile_jobs if role == RECONCILER else CONSUMERS[role][1]
        if completion_check is None or role not in CHECKS_PER_BATCH:
            return module.assemble(self.mutate(made))
        limit, lookup = (None, None) if serial else (self.concurrent_max_bytes, ahead)
        own = made.for_message(completion_check, max_bytes=limit, lookup=lookup)
        return module.assemble(self.mutate(own), serial=serial)

    def deferred_completion(self, made: Composition) -> DeferredCompletion:
        """Build the deferred completion checks of one batch."""
        return DeferredCompletion(self.mutate(made).completion)

    def _live_composition(self, role: str) -> Composition:
        """Return the composition of the function's live process; start one if there is none."""
        if role not in self._alive or self._alive[role][0].dead:
            self._alive[role] = self.composition(role)
        return self._alive[role][1]

    def deliver(self, role: str, batch: int = 10) -> bool:
        """Deliver a batch of visible messages to the function; False if there is none."""
        queue, _ = CONSUMERS[role]
        messages = self.cloud.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=batch).get("Messages", ())
        if not messages:
            return False
        made = self._live_composition(role)
        mutated = self.mutate(made)
        deferred = self.deferred_completion(made)
        settling = GroupedSettling(mutated.ledger, mutated.adapters.publisher)
        self.schedule.begin(role)
        try:
            ahead = self._read_ahead(role, [each["Body"] for each in messages], made)
            answer = process_batch(
                {"Records": [{"messageId": each["ReceiptHandle"], "body": each["Body"]} for each in messages]},
                lambda record: self._handle(role, record, made, deferred, settling, ahead),
                partial(deferred.flush, partial(self._note, role)),
                settle=partial(
                    settling.flush, *self._reports(role), partial(deferred.end_due, partial(self._note, role))
                ),
                concurrency=self.concurrency if role in CHECKS_PER_BATCH else None,
            )
        except Crash:
            # The queue does not learn which messages were handled: it delivers the whole batch
            # again.
            self.deaths += 1
            return True
        again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for receipt in (each["ReceiptHandle"] for each in messages if each["ReceiptHandle"] not in again):
            self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=receipt)
        return True

    def _reports(self, role: str) -> tuple[Callable[[str, Outcome], None], Callable[[str, Exception], None]]:
        return (
            lambda _, outcome: self.outcomes.append((role, str(outcome))),
            lambda _, exc: self._note(role, exc),
        )

    def _read_ahead(self, role: str, bodies: list[str], made: Composition) -> LedgerLookup | None:
        if role in CHECKS_PER_BATCH and len(bodies) > 1:
            return collect_results.read_ahead(bodies, made)
        return None

    def _handle(
        self,
        role: str,
        record: Record,
        made: Composition,
        deferred: DeferredCompletion,
        settling: GroupedSettling,
        ahead: LedgerLookup | None,
    ) -> None:
        self.schedule.begin(role)
        check = deferred.for_message(record.message_id)
        service = self.service(role, made, check, serial=record.serial, ahead=ahead)
        try:
            outcome, _ = CONSUMERS[role][1].handle(record.body, service)
        except DeferToSerialError:
            raise
        except Exception as exc:
            self._note(role, exc)
            raise
        if isinstance(outcome, PendingSettlement):
            settling.add(record.message_id, outcome)
        else:
            self.outcomes.append((role, str(outcome)))

    def _note(self, role: str, exc: Exception) -> None:
        kept = self.errors if isinstance(exc, TailraceError) else self.unexpected_errors
        kept.append((role, exc))

    def tick(self) -> None:
        """Run the reconciler once."""
        self.ticked_at = self.cloud.clock()
        service = self.service(RECONCILER, self._live_composition(RECONCILER))
        self.schedule.begin(RECONCILER)
        try:
            found, errors = service.run(reconcile_jobs.RUN_LIMIT_S)
        except Crash:
            self.deaths += 1
        except TailraceError as exc:
            self.errors.append((RECONCILER, exc))
        except Exception as exc:  # noqa: BLE001 the checker objects
            self.unexpected_errors.append((RECONCILER, exc))
        else:
            self.outcomes += [(RECONCILER, str(each)) for each in found.elements()]
            self.errors += [(RECONCILER, TailraceError(each)) for each in errors]
