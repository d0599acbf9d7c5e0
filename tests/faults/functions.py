"""The functions behind their queues: batches, partial failures, deaths, redelivery; and the reconciler's schedule."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tailrace_consumers.collect_results import handler as collect_results
from tailrace_consumers.composition import Composition, World, aws
from tailrace_consumers.dispatch_retries import handler as dispatch_retries
from tailrace_consumers.executor import Boto3Executor
from tailrace_consumers.handle_failures import handler as handle_failures
from tailrace_consumers.looks import Looks
from tailrace_consumers.reconcile_jobs import handler as reconcile_jobs
from tailrace_consumers.s3_object_store import S3ObjectStore
from tailrace_consumers.settings import Settings
from tailrace_core.errors import TailraceError
from tests.faults.injection import Crash, Process, Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.cloud import Cloud

Rewire = Callable[[Composition], Composition]
"""Changes what a function is made of: where bugs are planted."""

SETTINGS = Settings(
    bucket=names.BUCKET,
    ledger_table=names.TABLE,
    results_topic=names.RESULTS_TOPIC,
    retries_queue=names.RETRIES,
    parked_queue=names.PARKED,
    endpoint_name=names.ENDPOINT,
    succeeded_queue=names.SUCCEEDED,
    failed_queue=names.FAILED,
)
CONSUMERS: dict[str, tuple[str, Any]] = {
    "collect_results": (names.SUCCEEDED, collect_results),
    "handle_failures": (names.FAILED, handle_failures),
    "dispatch_retries": (names.RETRIES, dispatch_retries),
}
"""Each function's queue and its handler's module."""
LOOKS_TOGETHER = frozenset({"collect_results"})
"""Whose handler has jobs looked at once for a batch."""
RECONCILER = "reconcile_jobs"
EVERY_S = 300.0


def as_it_is(made: Composition) -> Composition:
    return made


@dataclass
class Functions:
    """Runs functions. A process lives until it dies, as a Lambda's does; its caches with it."""

    cloud: Cloud
    schedule: Schedule
    rewire: Rewire = as_it_is
    seed: int = 0
    piece_bytes: int | None = None
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    """What became of each message that was acknowledged."""
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    unforeseen: list[tuple[str, Exception]] = field(default_factory=list)
    """Exceptions outside of our tree: bugs."""
    deaths: int = 0
    ticked_at: float = 0.0
    _alive: dict[str, tuple[Process, Any]] = field(default_factory=dict)
    _looks: dict[str, Looks] = field(default_factory=dict)

    def composition(self, role: str, process: Process | None = None) -> tuple[Process, Composition]:
        """A new process and what it is made of."""
        process = process or Process(self.cloud, role, self.schedule)
        execute = process.persistent(Boto3Executor(self.cloud.client))
        world: World = aws(SETTINGS, execute, self.cloud.clock)
        changes: dict[str, Any] = {"random_source": random.Random(self.seed)}
        if self.piece_bytes is not None:
            changes["store"] = S3ObjectStore(SETTINGS.bucket, execute, piece_bytes=self.piece_bytes)
        world = dataclasses.replace(world, **changes)
        return process, self.rewire(Composition(SETTINGS, world, looks_together=role in LOOKS_TOGETHER))

    def service(self, role: str) -> tuple[Process, Any]:
        """The function's live process and its service."""
        if role not in self._alive or self._alive[role][0].dead:
            process, made = self.composition(role)
            module = reconcile_jobs if role == RECONCILER else CONSUMERS[role][1]
            self._alive[role] = process, module.assemble(made)
            self._looks[role] = made.looks
        return self._alive[role]

    def deliver(self, role: str, batch: int = 10) -> bool:
        """Hand the function what is visible in its queue; False when nothing is."""
        queue, module = CONSUMERS[role]
        messages = self.cloud.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=batch).get("Messages", ())
        done: list[str] = []
        try:
            for each in messages:
                if self._handle(role, module, each["Body"]):
                    done.append(each["ReceiptHandle"])
                self._looks[role].end_message(each["ReceiptHandle"])
            again = self._looks[role].catch_up(partial(self._note, role)) if messages else set()
        except Crash:
            # Nobody learns which messages of the batch were done: all of them come again.
            self.deaths += 1
            return True
        for receipt in (each for each in done if each not in again):
            self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=receipt)
        return bool(messages)

    def _handle(self, role: str, module: Any, body: str) -> bool:
        _, service = self.service(role)
        self.schedule.begin(role)
        try:
            outcome, _ = module.handle(body, service)
        except Exception as exc:  # noqa: BLE001 that is what the batch processor does; the checker objects
            self._note(role, exc)
            return False
        self.outcomes.append((role, str(outcome)))
        return True

    def _note(self, role: str, exc: Exception) -> None:
        kept = self.errors if isinstance(exc, TailraceError) else self.unforeseen
        kept.append((role, exc))

    def tick(self) -> None:
        """One run of the reconciler."""
        self.ticked_at = self.cloud.clock()
        _, service = self.service(RECONCILER)
        self.schedule.begin(RECONCILER)
        try:
            found, errors = service.run(reconcile_jobs.SECONDS)
        except Crash:
            self.deaths += 1
        except TailraceError as exc:
            self.errors.append((RECONCILER, exc))
        except Exception as exc:  # noqa: BLE001 the checker objects
            self.unforeseen.append((RECONCILER, exc))
        else:
            self.outcomes += [(RECONCILER, str(each)) for each in found.elements()]
            self.errors += [(RECONCILER, TailraceError(each)) for each in errors]
