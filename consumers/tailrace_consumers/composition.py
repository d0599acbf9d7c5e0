"""The composition root: how services, rules and adapters fit together. Each thing is made when it is first needed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from tailrace_consumers.attempts import Attempts
from tailrace_consumers.completion import Completion
from tailrace_consumers.delivery import Delivery
from tailrace_consumers.executor import Boto3Executor
from tailrace_consumers.failure_policy import FailurePolicy
from tailrace_consumers.intake import Intake
from tailrace_consumers.invocations import Invocations
from tailrace_consumers.parking import Parking
from tailrace_consumers.parts import Parts
from tailrace_consumers.ports import Clock
from tailrace_consumers.rejection import Rejection
from tailrace_consumers.s3_object_store import S3ObjectStore
from tailrace_consumers.sagemaker_invoker import SageMakerInvoker
from tailrace_consumers.settings import Settings
from tailrace_consumers.sns_publisher import SnsPublisher
from tailrace_consumers.sqs_queues import SqsParkedQueue, SqsRetryQueue
from tailrace_core.calls import Call
from tailrace_core.ledger.bound import DynamoLedger
from tailrace_core.ledger.dynamo import DynamoSteps
from tailrace_core.retrying import retrying


class Composition:
    """What the functions are made of; ``execute`` carries out one call and raises our errors."""

    def __init__(
        self,
        settings: Settings,
        execute: Callable[[Call], Any],
        *,
        clock: Clock = time.time,
        random_source: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.execute = execute
        self.clock = clock
        self.random_source = random_source or random.SystemRandom()

    @classmethod
    def of_environment(cls) -> Composition:
        """What a Lambda function runs. Raises `ConfigurationError` when its environment lacks something."""
        return cls(Settings.of(os.environ), retrying(Boto3Executor()))

    @cached_property
    def ledger(self) -> DynamoLedger:
        """The table."""
        return DynamoLedger(DynamoSteps(self.settings.ledger_table), self.execute)

    @cached_property
    def store(self) -> S3ObjectStore:
        """The bucket."""
        return S3ObjectStore(self.settings.bucket, self.execute)

    @cached_property
    def retries(self) -> SqsRetryQueue:
        """The queue of attempts to come."""
        return SqsRetryQueue(self.settings.retries_queue, self.execute)

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
        publisher = SnsPublisher(self.settings.results_topic, self.execute)
        return Completion(ledger=self.ledger, store=self.store, publisher=publisher, clock=self.clock)

    @cached_property
    def delivery(self) -> Delivery:
        """The ends of chunks."""
        publisher = SnsPublisher(self.settings.results_topic, self.execute)
        return Delivery(ledger=self.ledger, store=self.store, publisher=publisher, completion=self.completion)

    @cached_property
    def parking(self) -> Parking:
        """What needs a person."""
        queue = SqsParkedQueue(self.settings.parked_queue, self.execute)
        return Parking(ledger=self.ledger, queue=queue, bucket=self.settings.bucket)

    @cached_property
    def attempts(self) -> Attempts:
        """Invocations, by the ledger."""
        invoker = SageMakerInvoker(self.settings.bucket, self.execute)
        return Attempts(ledger=self.ledger, invoker=invoker, clock=self.clock)

    @cached_property
    def invocations(self) -> Invocations:
        """Invocations, or parking."""
        return Invocations(attempts=self.attempts, parking=self.parking)

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
        )
