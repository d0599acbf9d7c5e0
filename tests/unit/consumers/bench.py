"""A test bench for the services.

Fakes of all ports, one job, and helpers that act as the endpoint.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tailrace_consumers.collect_results.handler import assemble as assemble_collect
from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.composition import Adapters, Composition
from tailrace_consumers.dispatch_retries.handler import assemble as assemble_dispatch
from tailrace_consumers.dispatch_retries.service import DispatchRetries
from tailrace_consumers.handle_failures.handler import assemble as assemble_failures
from tailrace_consumers.handle_failures.service import HandleFailures
from tailrace_consumers.reconcile_jobs.handler import assemble as assemble_reconcile
from tailrace_consumers.reconcile_jobs.service import ReconcileJobs
from tailrace_consumers.score_chunks.service import ScoreChunks
from tailrace_consumers.settings import Settings
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject, read_rejects, write_rejects
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.ledger.rules import OpenOutcome
from tailrace_core.messages.notifications import Notification
from tailrace_core.objects import keys
from tailrace_core.objects.request_frames import CsvFrame
from tailrace_core.positions.canaries import add_copies
from tailrace_core.positions.canary_draws import draw_layout
from tests.fakes.consumer_ports import (
    BUCKET,
    MemoryEndpoint,
    MemoryInvoker,
    MemoryMeter,
    MemoryNotificationQueues,
    MemoryObjectStore,
    MemoryParkedQueue,
    MemoryPublisher,
    MemoryRetryQueue,
)

JOB_ID = "01JD0000000000000000000000"
ENDPOINT = "demand"
NOW = 1_700_000_000.0
BAD_REQUEST = (
    "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs for more information."
)
SERVER_ERROR = "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs."


@dataclass
class Bench:
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    retries: MemoryRetryQueue = field(default_factory=MemoryRetryQueue)
    parked: MemoryParkedQueue = field(default_factory=MemoryParkedQueue)
    invoker: MemoryInvoker = field(default_factory=MemoryInvoker)
    notifications: MemoryNotificationQueues = field(default_factory=MemoryNotificationQueues)
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    endpoint: MemoryEndpoint = field(default_factory=MemoryEndpoint)
    now: float = NOW

    def __post_init__(self) -> None:
        settings = Settings(
            bucket=BUCKET,
            ledger_table="ledger",
            results_topic="results",
            retries_queue="retries",
            parked_queue="parked",
            endpoint_name=ENDPOINT,
        )
        adapters = Adapters(
            ledger=self.ledger,
            store=self.store,
            publisher=self.publisher,
            retries=self.retries,
            parked=self.parked,
            invoker=self.invoker,
            meter=self.meter,
            notifications=self.notifications,
            clock=lambda: self.now,
            random_source=random.Random(7),
        )
        self.composition = Composition(settings, adapters)
        self.collect: CollectResults = assemble_collect(self.composition)
        self.failures: HandleFailures = assemble_failures(self.composition)
        self.reconcile: ReconcileJobs = assemble_reconcile(self.composition)
        self.dispatch: DispatchRetries = assemble_dispatch(self.composition)
        self.score = ScoreChunks(
            bucket=BUCKET,
            lookup=self.composition.lookup,
            store=self.store,
            endpoint=self.endpoint,
            notifications=self.notifications,
            clock=lambda: self.now,
        )

    # -- the producer's side

    def add_job(self, **settings: Any) -> JobSettings:
        guarded = settings.pop("guarded_canaries", settings.get("canaries", 0) > 0)
        made = JobSettings(endpoint_name=ENDPOINT, guarded_canaries=guarded, **settings)
        job = Job(
            job_id=JOB_ID,
            state=JobState.SUBMITTING,
            created_at=NOW,
            deadline_at=NOW + 86_400,
            split_budget=made.split_budget,
        )
        assert self.ledger.create_job(job, made)
        return made

    def add_chunk(
        self,
        first_row: int,
        sent: list[bytes],
        *,
        kept: list[bytes] | None = None,
        rejects: tuple[Reject, ...] = (),
    ) -> Chunk:
        """Add an open, invoked chunk of records without line ends."""
        settings = self.ledger.settings(JOB_ID)
        assert settings is not None
        rows = RowRange(first_row, len(sent) + len(rejects))
        layout = draw_layout(JOB_ID, rows, len(sent), settings.canaries, guarded=settings.guarded_canaries)
        body = add_copies(b"".join(record + b"\n" for record in sent), layout, CsvFrame(b""))
        header = settings.header_line if settings.header is HeaderPolicy.REPEAT else b""
        self.store.put(keys.input_key(JOB_ID, rows), header + body)
        if kept is not None:
            self.store.put(keys.kept_key(JOB_ID, rows), b"".join(record + b"\n" for record in kept))
        if rejects:
            self.store.put(keys.rejects_key(JOB_ID, rows), write_rejects(rejects))
        chunk = Chunk(job_id=JOB_ID, range=rows, rejected=len(rejects), due_at=NOW + 300)
        assert self.ledger.open_chunk(chunk) is OpenOutcome.OPENED
        assert self.composition.attempts.invoke(chunk, settings)
        return self.chunk(rows)

    def add_waiting(self, first_row: int, sent: list[bytes]) -> RowRange:
        """Add a waiting chunk beyond the job's window."""
        rows = RowRange(first_row, len(sent))
        self.store.put(keys.input_key(JOB_ID, rows), b"".join(record + b"\n" for record in sent))
        chunk = Chunk(job_id=JOB_ID, range=rows, attempt=0, tries=0, due_at=NOW + 300)
        assert self.ledger.open_chunk(chunk) is OpenOutcome.OPENED
        return rows

    # -- the endpoint's side

    def sent(self, chunk: Chunk) -> bytes:
        return self.store.objects[keys.input_key(JOB_ID, chunk.range)][0]

    def answer(self, chunk: Chunk, body: bytes, **changes: Any) -> Notification:
        """Store the output of the chunk's attempt at the ledger's location.

        Return its notification.
        """
        location = chunk.output_location or f"s3://{BUCKET}/{keys.OUTPUTS}late-{chunk.attempt}.out"
        self.store.put(location.split("/", 3)[3], body)
        return notification(chunk, "Completed", {"outputLocation": location}, **changes)

    def failure(self, chunk: Chunk, reason: str | None = BAD_REQUEST, **changes: Any) -> Notification:
        return notification(chunk, "Failed", {}, failureReason=reason, **changes)

    # -- looking

    def chunk(self, rows: RowRange) -> Chunk:
        found = self.ledger.chunk(JOB_ID, rows)
        assert found is not None
        return found

    def job(self) -> Job:
        found = self.ledger.job(JOB_ID)
        assert found is not None
        return found

    def part(self, rows: RowRange) -> bytes:
        return self.store.objects[keys.part_key(JOB_ID, rows)][0]

    def leaves(self) -> list[Chunk]:
        return [chunk for chunk in self.ledger.chunks(JOB_ID) if chunk.state.leaf]

    def result(self) -> bytes:
        return b"".join(self.part(chunk.range) for chunk in self.leaves())

    def rejects(self) -> list[Reject]:
        found: list[Reject] = []
        for chunk in self.leaves():
            if chunk.rejected:
                found += read_rejects(self.store.objects[keys.rejects_key(JOB_ID, chunk.range)][0])
        return found


def notification(chunk: Chunk, status: str, response: dict[str, str], **changes: Any) -> Notification:
    fields = {
        "eventName": "InferenceResult",
        "invocationStatus": status,
        "inferenceId": str(chunk.inference_id),
        "requestParameters": {"endpointName": ENDPOINT},
        "responseParameters": response,
        **changes,
    }
    return Notification.model_validate({name: value for name, value in fields.items() if value is not None})
