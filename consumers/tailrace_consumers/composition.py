"""The composition root: how services, rules and adapters fit together."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tailrace_consumers.adapters.executor import Boto3Executor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.sagemaker_invoker import SageMakerInvoker
from tailrace_consumers.adapters.serialized_transactions import transactions_in_turn
from tailrace_consumers.adapters.sns_publisher import SnsPublisher
from tailrace_consumers.adapters.sqs_queues import SqsNotificationQueues, SqsParkedQueue, SqsRetryQueue
from tailrace_consumers.chunks.attempts import Attempts
from tailrace_consumers.chunks.failure_policy import FailurePolicy
from tailrace_consumers.chunks.invocations import Invocations
from tailrace_consumers.chunks.job_completion import Completion
from tailrace_consumers.chunks.lookup import Intake
from tailrace_consumers.chunks.parking import Parking
from tailrace_consumers.chunks.rejection import Rejection
from tailrace_consumers.chunks.settling import Delivery
from tailrace_consumers.chunks.window_filling import Starting
from tailrace_consumers.metrics import Unmeasured
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
)
from tailrace_consumers.runtime.deferred_checks import Looker
from tailrace_consumers.runtime.telemetry import EmbeddedMeter
from tailrace_consumers.settings import Settings
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import retrying
from tailrace_core.ledger.dynamo_ledger import DynamoLedger
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is outside: adapters in the functions, fakes in tests."""

    ledger: Ledger
    store: ObjectStore
    publisher: Publisher
    retries: RetryQueue
    parked: ParkedQueue
    invoker: Invoker
    notifications: NotificationQueues | None = None
    """Where the reconciler puts what was lost."""
    meter: Meter = field(default_factory=Unmeasured)
    clock: Clock = time.time
    random_source: random.Random = field(default_factory=random.SystemRandom)


def aws(
    settings: Settings,
    execute: Callable[[Call], Any],
    clock: Clock = time.time,
    meter: Meter | None = None,
) -> World:
    """The stack in AWS; ``execute`` carries out one call and raises our errors. No call is made here."""
    return World(
        ledger=DynamoLedger(DynamoSteps(settings.ledger_table), execute),
        store=S3ObjectStore(settings.bucket, execute),
        publisher=SnsPublisher(settings.results_topic, execute),
        retries=SqsRetryQueue(settings.retries_queue, execute),
        parked=SqsParkedQueue(settings.parked_queue, execute),
        invoker=SageMakerInvoker(settings.bucket, execute),
        notifications=_notifications(settings, execute),
        meter=meter or Unmeasured(),
        clock=clock,
    )


def _notifications(settings: Settings, execute: Callable[[Call], Any]) -> NotificationQueues | None:
    if settings.succeeded_queue is None or settings.failed_queue is None:
        return None
    return SqsNotificationQueues(settings.succeeded_queue, settings.failed_queue, execute)


class Composition:
    """What the functions are made of; each part is made when it is first asked for."""

    def __init__(self, settings: Settings, world: World, *, looker: Looker | None = None) -> None:
        """``looker`` is told of the jobs of settled chunks; without one they are looked at there and then."""
        self.settings = settings
        self._looker = looker
        self.world = world
        self.ledger = world.ledger
        self.store = world.store
        self.retries = world.retries
        self.random_source = world.random_source

    @classmethod
    def of_environment(cls) -> Composition:
        """What a Lambda function runs. Raises `ConfigurationError` when its environment lacks something."""
        settings = Settings.of(os.environ)
        execute = retrying(transactions_in_turn(Boto3Executor()))
        return cls(settings, aws(settings, execute, meter=EmbeddedMeter()))

    def for_message(self, looker: Looker, *, most_bytes: int | None = None) -> Composition:
        """The same for one message, whose thread has it to itself; what is known of jobs, and the world, are shared.

        Of objects with more than ``most_bytes`` nothing is read, see `tailrace_consumers.ports.ObjectStore.limited`.
        """
        world = self.world
        if most_bytes is not None:
            world = replace(world, store=world.store.limited(most_bytes))
        made = Composition(self.settings, world, looker=looker)
        made.intake = self.intake
        return made

    @cached_property
    def intake(self) -> Intake:
        """Look-ups."""
        return Intake(self.ledger)

    @cached_property
    def parts(self) -> Parts:
        """Parts in the bucket."""
        return Parts(self.store)

    @cached_property
    def completion(self) -> Completion:
        """The ends of jobs."""
        world = self.world
        return Completion(
            ledger=self.ledger,
            intake=self.intake,
            starting=self.starting,
            store=self.store,
            publisher=world.publisher,
            clock=world.clock,
        )

    @cached_property
    def delivery(self) -> Delivery:
        """The ends of chunks."""
        world = self.world
        return Delivery(
            ledger=self.ledger,
            store=self.store,
            publisher=world.publisher,
            looker=self._looker or self.completion,
            meter=world.meter,
            clock=world.clock,
        )

    @cached_property
    def parking(self) -> Parking:
        """What needs a person."""
        return Parking(ledger=self.ledger, queue=self.world.parked, bucket=self.settings.bucket)

    @cached_property
    def attempts(self) -> Attempts:
        """Invocations, by the ledger."""
        return Attempts(ledger=self.ledger, invoker=self.world.invoker, clock=self.world.clock)

    @cached_property
    def invocations(self) -> Invocations:
        """Invocations, or parking."""
        return Invocations(attempts=self.attempts, parking=self.parking)

    @cached_property
    def starting(self) -> Starting:
        """What waits, invoked as others come to their end."""
        return Starting(
            ledger=self.ledger,
            attempts=self.attempts,
            invocations=self.invocations,
            retries=self.retries,
            random_source=self.random_source,
            meter=self.world.meter,
        )

    @cached_property
    def policy(self) -> FailurePolicy:
        """What failures do."""
        return FailurePolicy(
            ledger=self.ledger,
            store=self.store,
            retries=self.retries,
            parts=self.parts,
            delivery=self.delivery,
            rejection=Rejection(store=self.store, parts=self.parts, delivery=self.delivery),
            parking=self.parking,
            attempts=self.attempts,
            invocations=self.invocations,
            random_source=self.random_source,
            meter=self.world.meter,
        )
