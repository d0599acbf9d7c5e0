"""The composition root: builds services from settings, rules and adapters."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.engine_invoker import EngineInvoker
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_consumers.adapters.sns_publisher import SnsPublisher
from tailrace_consumers.adapters.sqs_queues import SqsNotificationQueues, SqsParkedQueue, SqsRetryQueue, SqsRoundQueue
from tailrace_consumers.chunks.attempt_invoker import AttemptInvoker
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.failures.controls import Controls
from tailrace_consumers.chunks.failures.holding import Holding
from tailrace_consumers.chunks.failures.parking import Parking
from tailrace_consumers.chunks.failures.policy import FailurePolicy
from tailrace_consumers.chunks.failures.probes import Probes
from tailrace_consumers.chunks.failures.rejection import Rejection
from tailrace_consumers.chunks.job_completion import JobCompletion
from tailrace_consumers.chunks.lookup import LedgerLookup
from tailrace_consumers.chunks.persons_acts import PersonsActs
from tailrace_consumers.chunks.retry_scheduling import RetryScheduler
from tailrace_consumers.chunks.round_joining import RoundJoining
from tailrace_consumers.chunks.settling import ChunkSettler
from tailrace_consumers.chunks.window_filling import WindowFiller
from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.ports import (
    Clock,
    Invoker,
    Meter,
    NotificationQueues,
    ObjectStore,
    ParkedQueue,
    Publisher,
    RetryQueue,
    RoundQueue,
)
from tailrace_consumers.runtime.deferred_checks import CompletionCheck
from tailrace_consumers.runtime.metrics import NullMeter
from tailrace_consumers.runtime.telemetry import EmbeddedMeter
from tailrace_consumers.settings import Settings
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import retrying
from tailrace_core.invocations import InvocationTargets
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import Ledger
from tailrace_core.parts.answer_shapes import AnswerShapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The outside world: AWS adapters in the functions, fakes in tests."""

    ledger: Ledger
    store: ObjectStore
    publisher: Publisher
    retries: RetryQueue
    parked: ParkedQueue
    invoker: Invoker
    notifications: NotificationQueues | None = None
    """The queues to which the reconciler sends lost notifications; None in the other functions."""
    rounds: RoundQueue | None = None
    """The queue of RunTransforms; None in a stack that runs no transform jobs."""
    meter: Meter = field(default_factory=NullMeter)
    clock: Clock = time.time
    random_source: random.Random = field(default_factory=random.SystemRandom)


def aws_adapters(
    settings: Settings,
    execute: Callable[[Call], Any],
    clock: Clock = time.time,
    meter: Meter | None = None,
) -> Adapters:
    """Build the adapters of a stack in AWS; makes no call.

    ``execute`` carries out one call and raises the errors of `tailrace_core.errors`.
    """
    return Adapters(
        ledger=DynamoLedger(DynamoSteps(settings.ledger_table), execute),
        store=S3ObjectStore(settings.bucket, execute),
        publisher=SnsPublisher(settings.results_topic, execute),
        retries=SqsRetryQueue(settings.retries_queue, execute),
        parked=SqsParkedQueue(settings.parked_queue, execute),
        invoker=EngineInvoker(InvocationTargets(settings.bucket, settings.scoring_queue), execute, clock=clock),
        notifications=_notifications(settings, execute),
        rounds=SqsRoundQueue(settings.transforms_queue, execute) if settings.transforms_queue else None,
        meter=meter or NullMeter(),
        clock=clock,
    )


def _notifications(settings: Settings, execute: Callable[[Call], Any]) -> NotificationQueues | None:
    if settings.succeeded_queue is None or settings.failed_queue is None:
        return None
    return SqsNotificationQueues(settings.succeeded_queue, settings.failed_queue, execute)


class Composition:
    """The parts of the functions, each built on first use."""

    def __init__(
        self, settings: Settings, adapters: Adapters, *, completion_check: CompletionCheck | None = None
    ) -> None:
        """``completion_check`` receives the jobs of settled chunks.

        None checks each job at once.
        """
        self.settings = settings
        self._completion_check = completion_check
        self.adapters = adapters
        self.ledger = adapters.ledger
        self.store = adapters.store
        self.retries = adapters.retries
        self.random_source = adapters.random_source

    @classmethod
    def from_environment(cls) -> Composition:
        """Build what a Lambda function runs.

        Raises:
            ConfigurationError: the environment lacks a variable.
        """
        settings = Settings.from_environment(os.environ)
        execute = retrying(serialize_transactions(DirectExecutor()))
        return cls(settings, aws_adapters(settings, execute, meter=EmbeddedMeter()))

    def for_message(
        self, completion_check: CompletionCheck, *, max_bytes: int | None = None, lookup: LedgerLookup | None = None
    ) -> Composition:
        """Return a copy for one message, to be used by one thread.

        The lookup's cache and the adapters are shared. ``lookup`` has read the message's chunk.

        Objects larger than ``max_bytes`` are not read; see
        `tailrace_consumers.ports.ObjectStore.with_read_limit`.
        """
        adapters = self.adapters
        if max_bytes is not None:
            adapters = replace(adapters, store=adapters.store.with_read_limit(max_bytes))
        made = Composition(self.settings, adapters, completion_check=completion_check)
        made.lookup = lookup or self.lookup
        made.shapes = self.shapes
        made.invoker = self.invoker
        return made

    @cached_property
    def lookup(self) -> LedgerLookup:
        """Finds chunks and their jobs in the ledger."""
        return LedgerLookup(self.ledger)

    @cached_property
    def shapes(self) -> AnswerShapes:
        """Holds a job's answers to one shape."""
        return AnswerShapes(self.ledger)

    @cached_property
    def invoker(self) -> Invoker:
        """Invokes the model by the engine of each job."""
        adapters = self.adapters
        return RoundJoining(adapters.invoker, ledger=self.ledger, queue=adapters.rounds, bucket=self.settings.bucket)

    @cached_property
    def parts(self) -> Parts:
        """Writes and finds parts in the bucket."""
        return Parts(self.store)

    @cached_property
    def completion(self) -> JobCompletion:
        """Completes jobs."""
        adapters = self.adapters
        return JobCompletion(
            ledger=self.ledger,
            lookup=self.lookup,
            window_filler=self.window_filler,
            store=self.store,
            publisher=adapters.publisher,
            rounds=adapters.rounds,
            clock=adapters.clock,
        )

    @cached_property
    def settler(self) -> ChunkSettler:
        """Settles chunks."""
        adapters = self.adapters
        return ChunkSettler(
            ledger=self.ledger,
            store=self.store,
            publisher=adapters.publisher,
            completion_check=self._completion_check or self.completion,
            meter=adapters.meter,
            clock=adapters.clock,
        )

    @cached_property
    def parking(self) -> Parking:
        """Parks chunks that need a person."""
        adapters = self.adapters
        return Parking(ledger=self.ledger, queue=adapters.parked, bucket=self.settings.bucket, clock=adapters.clock)

    @cached_property
    def acts(self) -> PersonsActs:
        """Records people's acts."""
        return PersonsActs(ledger=self.ledger, clock=self.adapters.clock)

    @cached_property
    def attempts(self) -> Attempts:
        """Begins and invokes attempts."""
        return Attempts(ledger=self.ledger, invoker=self.invoker, clock=self.adapters.clock)

    @cached_property
    def attempt_invoker(self) -> AttemptInvoker:
        """Invokes attempts, or parks their chunks."""
        return AttemptInvoker(attempts=self.attempts, parking=self.parking)

    @cached_property
    def scheduler(self) -> RetryScheduler:
        """Schedules retries."""
        return RetryScheduler(queue=self.retries, attempts=self.attempts)

    @cached_property
    def holding(self) -> Holding:
        """Holds chunks until a probe shows whether the endpoint works."""
        return Holding(ledger=self.ledger, scheduler=self.scheduler, random_source=self.random_source)

    @cached_property
    def controls(self) -> Controls:
        """Sends controls and counts their answers."""
        return Controls(ledger=self.ledger, attempts=self.attempts)

    @cached_property
    def window_filler(self) -> WindowFiller:
        """Invokes waiting chunks as others settle."""
        return WindowFiller(
            ledger=self.ledger,
            attempts=self.attempts,
            attempt_invoker=self.attempt_invoker,
            retries=self.retries,
            random_source=self.random_source,
            meter=self.adapters.meter,
        )

    @cached_property
    def policy(self) -> FailurePolicy:
        """Acts on failed attempts."""
        return FailurePolicy(
            ledger=self.ledger,
            store=self.store,
            scheduler=self.scheduler,
            holding=self.holding,
            probes=Probes(ledger=self.ledger),
            controls=self.controls,
            parts=self.parts,
            settler=self.settler,
            rejection=Rejection(store=self.store, parts=self.parts, settler=self.settler),
            parking=self.parking,
            attempts=self.attempts,
            attempt_invoker=self.attempt_invoker,
            random_source=self.random_source,
            meter=self.adapters.meter,
        )
