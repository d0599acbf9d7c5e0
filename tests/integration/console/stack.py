"""A stack in memory with jobs in many states, as the console shows them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tailrace import Tailrace
from tailrace.console.server import ConsoleServer
from tailrace_core.aws.calls import run
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState, QueuedRetry
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.objects import keys
from tests.faults.memory_aws.cloud import BUCKET, ENDPOINT, FAILED, PARKED, TABLE, Clock, Cloud

SCRIPT = "<script>document.title='owned'</script>"
HOSTILE = f'ClientError: Received client error (400) from model with message "{SCRIPT}"'
DENIED = (
    "ClientError: Unable to read data from the bucket: "
    "An error occurred (AccessDenied) when calling the GetObject operation"
)
ROWS = f"2024-11-01,12.5,shop 7\n2024-11-02,{SCRIPT},shop 7\n2024-11-03,13.0,shop 8\n".encode()
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/ada"
SETTINGS = JobSettings(endpoint_name=ENDPOINT, source_columns=("day", "price", "shop"), sent_columns=(0, 1, 2))


class RunningClock(Clock):
    """The machine's clock, as the browser has it, with what it was advanced by."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def __call__(self) -> float:
        return time.time() + self.now


class ConsoleCloud(Cloud):
    """The cloud in memory with what the console asks beside; counts the calls."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock or RunningClock())
        self.calls: Counter[str] = Counter()
        self.dynamodb.page_items = 2_000
        self.alarms: list[dict[str, Any]] = []
        self.outputs = {"AlarmTopic": "alarms"}
        self._stacks = super().client("cloudformation")
        for name in ("cloudformation", "sts", "cloudwatch", "application-autoscaling", "sagemaker"):
            self.add_service(name, self)

    def client(self, service: str, **options: Any) -> Any:
        return _Counting(super().client(service, **options), service, self.calls)

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._stacks.describe_stacks()
        answer["Stacks"][0]["Outputs"] += [
            {"OutputKey": key, "OutputValue": text} for key, text in self.outputs.items()
        ]
        return answer

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Arn": OPERATOR}

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        return {"MetricAlarms": self.alarms}

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 1, "DesiredInstanceCount": 3}
        return {"EndpointStatus": "InService", "ProductionVariants": [variant]}

    def describe_scalable_targets(self, **_: Any) -> dict[str, Any]:
        resource = f"endpoint/{ENDPOINT}/variant/AllTraffic"
        return {"ScalableTargets": [{"ResourceId": resource, "MinCapacity": 0, "MaxCapacity": 4}]}

    def describe_scaling_activities(self, **_: Any) -> dict[str, Any]:
        started = datetime.fromtimestamp(self.clock() - 240, UTC)
        text = "Setting desired instance count to 3."
        return {"ScalingActivities": [{"StartTime": started, "StatusCode": "InProgress", "Description": text}]}

    def get_metric_statistics(self, **_: Any) -> dict[str, Any]:
        start = self.clock() - 3 * 3_600
        points = [(start + 60 * minute, max(0, 40 - abs(120 - minute))) for minute in range(180)]
        return {"Datapoints": [{"Timestamp": datetime.fromtimestamp(at, UTC), "Average": size} for at, size in points]}


class _Counting:
    """A client whose calls are counted."""

    def __init__(self, client: Any, service: str, calls: Counter[str]) -> None:
        self._client, self._service, self._calls = client, service, calls
        self.meta = client.meta

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._client, operation)

        def call(**params: Any) -> Any:
            self._calls[f"{self._service}.{operation}"] += 1
            return method(**params)

        return method if operation == "close" else call


class Stack:
    """Writes jobs into a `ConsoleCloud` as the pipeline leaves them."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.cloud = ConsoleCloud(clock)
        self.now = self.cloud.clock()
        self.ledger = DynamoSteps(TABLE)
        self._client = self.cloud.client("dynamodb")

    def run(self, steps: Any) -> Any:
        return run(steps, lambda call: getattr(self._client, call.operation)(**call.params))

    def put(self, item: dict[str, Any]) -> None:
        self._client.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}])

    def job(self, job: Job) -> Job:
        self.put(items.job_item(replace(job, state=JobState.SUBMITTING), 2_000_000_000))
        values = {**items.job_item(job, 2_000_000_000), **items.encode_item({
            "rows_total": job.rows_total, "finishing_at": job.finishing_at,
            "outcome": job.outcome, "reason": job.reason,
        })}  # fmt: skip
        self.put(values)
        stored = {"settings": SETTINGS.to_json(), "expires_at": 2_000_000_000}
        self.put({**items.settings_item_key(job.job_id), **items.encode_item(stored)})
        return job

    def describe(self, job_id: str, description: JobDescription) -> None:
        """Write what people call a job, as a submit does."""
        stored = {"note": description.to_json(), "expires_at": 2_000_000_000}
        self.put({**items.note_item_key(job_id, items.DESCRIPTION), **items.encode_item(stored)})

    def chunk(self, chunk: Chunk) -> Chunk:
        self.put(items.chunk_item(chunk, 2_000_000_000))
        return chunk

    def park(self, chunk: Chunk, reason: str, at: float) -> Chunk:
        """Park a chunk as the function does, with its message, its input and its failure object."""
        location = f"s3://{BUCKET}/v1/failures/{chunk.inference_id}.out"
        chunk = self.chunk(replace(chunk, invoked=True, invoked_at=at - 30, failure_location=location))
        entry = HistoryEntry(at=at, what=HistoryEvent.PARKED, attempt=chunk.attempt, failure=reason)
        assert self.run(self.ledger.park(replace(chunk, reason=reason, parked_at=at), entry))
        self.cloud.s3.write(keys.input_key(chunk.job_id, chunk.range), ROWS, {})
        self.cloud.s3.write(f"v1/failures/{chunk.inference_id}.out", reason.encode(), {})
        self.cloud.client("sqs").send_message(QueueUrl=PARKED, MessageBody=chunk.range.name)
        return chunk


def big_job(stack: Stack, job_id: str, chunks: int, rows: int = 1_000_000) -> Job:
    """Write a running job whose chunks are in every state."""
    size = rows // chunks
    settled: dict[str, Any] = {"rows_scored": 0, "rows_rejected": 0}
    now = stack.now
    created = now - 3_600
    parked: list[Chunk] = []
    flying = waiting = 0
    for number in range(chunks):
        chunk = Chunk(job_id=job_id, range=RowRange(number * size, size), due_at=now + 3_600)
        share = number / chunks
        if number in {chunks // 5, chunks // 2}:
            parked.append(chunk)
            flying += 1
        elif share < 0.6:
            bad = number % 97 == 5
            state = ChunkState.REJECTED if bad else ChunkState.SCORED
            settled["rows_rejected" if bad else "rows_scored"] += size
            stack.chunk(replace(
                chunk, state=state, rejected=size if bad else 0, part_bytes=9 * size, invoked=True,
                settled_at=created + share * 5_000, invoked_at=created + share * 4_900,
                reason="price is not a number" if bad else None,
            ))  # fmt: skip
        elif share < 0.62:
            retry = QueuedRetry(now + 90, 2) if number % 2 else None
            stack.chunk(replace(chunk, invoked=True, invoked_at=now - 20, retry=retry, reason="500" if retry else None))
            flying += 1
        else:
            stack.chunk(replace(chunk, attempt=0))
            waiting += 1
    job = stack.job(Job(
        job_id=job_id, state=JobState.RUNNING, created_at=created, deadline_at=now + 72_000,
        rows_total=size * chunks, split_budget=10_000,
        chunks_in_flight=flying, chunks_waiting=waiting, **settled,
    ))  # fmt: skip
    for number, chunk in enumerate(parked):
        stack.park(chunk, HOSTILE if number else DENIED, now - 1_200 + 60 * number)
    return job


def ended_job(stack: Stack, job_id: str, state: JobState, age_s: float, **values: Any) -> Job:
    created = stack.now - age_s
    chunk = Chunk(job_id=job_id, range=RowRange(0, 40_000), state=ChunkState.SCORED, invoked=True, due_at=created)
    stack.chunk(replace(chunk, settled_at=created + 300, part_bytes=360_000))
    outcome = state if state in {JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED} else None
    return stack.job(Job(
        job_id=job_id, state=state, created_at=created, deadline_at=created + 86_400, rows_total=40_000,
        finishing_at=created + 310, outcome=outcome, **values,
    ))  # fmt: skip


BIG = "01KB4J0000000000000000BIG0"
SMALL = "01KB4J00000000000000SMA110"
LATE = "01KB4J000000000000000000TE"


def busy_stack(chunks: int = 3_000) -> Stack:
    """Return a stack with everything that the console shows."""
    stack = Stack()
    big_job(stack, BIG, chunks)
    about = JobDescription(
        name=f"autumn {SCRIPT}", tags={"team": "forecasting"}, sources=(f"s3://sales/2024-11/{SCRIPT}.csv",),
        source_count=7, submitted_by=OPERATOR,
    )  # fmt: skip
    stack.describe(BIG, about)
    ended_job(stack, "01KB4H000000000000000000K0", JobState.COMPLETED, 9_000, rows_scored=40_000)
    ended_job(
        stack,
        "01KB4G000000000000000000R0",
        JobState.COMPLETED_WITH_REJECTS,
        90_000,
        rows_scored=39_988,
        rows_rejected=12,
    )
    ended_job(
        stack, "01KB4F000000000000000000F0", JobState.FAILED, 200_000, rows_rejected=40_000,
        reason="no row was scored: price is not a number",
    )  # fmt: skip
    stack.job(Job(
        job_id=LATE, state=JobState.RUNNING, created_at=stack.now - 90_000, deadline_at=stack.now - 1_200,
        rows_total=5_000,         rows_scored=3_000, chunks_in_flight=1,
    ))  # fmt: skip
    for _ in range(3):
        stack.cloud.client("sqs").send_message(QueueUrl=f"{FAILED}-dead", MessageBody="{}")
    stack.cloud.alarms = [{
        "AlarmName": "stack-Watch-1-NoCapacity-2",
        "AlarmDescription": (
            "page: requests wait and no instance runs. https://example.com/operations.md#work-waits-and-nothing-runs"
        ),
        "StateUpdatedTimestamp": datetime.fromtimestamp(stack.now - 1_500, UTC),
    }]  # fmt: skip
    return stack


def calm_stack() -> Stack:
    """Return a stack on which nothing has happened."""
    return Stack()


@contextmanager
def console(
    cloud: Cloud, *, write: bool = False, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Iterator[ConsoleServer]:
    """Serve the console of a cloud until the block ends."""
    with Tailrace("stack", session=cloud) as client:
        server = ConsoleServer(client, write=write, now=cloud.clock, sleep=sleep)
        listening = threading.Event()
        thread = threading.Thread(target=server.run, args=(lambda _: listening.set(),))
        thread.start()
        try:
            assert listening.wait(30)
            yield server
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive()
