"""An inbox in memory: the functions StartJobs and DeliverResults over fakes of AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.files.deliver_results.service import DeliverResults
from tailrace_consumers.files.start_jobs.service import StartJobs
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.settings import DeliverySettings, InboxSettings
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import ConditionFailedError, TailraceError
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.arrivals import DeliveryDue, ObjectCreated, decode_arrival
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum
from tailrace_core.objects.joining.plan import S3_LIMITS, JoinLimits
from tests.fakes.multipart_s3 import MultipartS3
from tests.faults.memory_aws.cloud import BUCKET, RESULTS_TOPIC, TABLE, Cloud
from tests.faults.memory_aws.sqs import Queue

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:cutting"
OUTBOX_QUEUE = "outbox"
CSV = b"id,a,b\n1,2,3\n4,5,6\n7,8,9\n"


Execute = Callable[[Call], Any]


@dataclass
class Machine:
    """Step Functions: executions by name; the value tells whether one runs."""

    executions: dict[str, bool] = field(default_factory=dict)
    inputs: list[Any] = field(default_factory=list)

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, str]:  # noqa: A002, N803
        if self.executions.get(name) is False:
            raise ConditionFailedError("ExecutionAlreadyExists", code="ExecutionAlreadyExists")
        if name not in self.executions:
            self.inputs.append(json.loads(input))
        self.executions[name] = True
        return {"executionArn": f"{stateMachineArn}:{name}"}


class Inbox:
    """Files go in with `drop`; `start` handles an event as the function would."""

    def __init__(self, *, limits: JoinLimits = S3_LIMITS, endpoint_kind: str = "async") -> None:
        self.cloud = Cloud()
        self.cloud.sqs.queues[OUTBOX_QUEUE] = Queue(OUTBOX_QUEUE)
        self.s3 = MultipartS3(limits)
        self.machine = Machine()
        self.fail_at: dict[str, TailraceError] = {}
        """Errors by operation, each raised once."""
        self._others = BotocoreExecutor(self.cloud.client)
        self._sequence = itertools.count(1)
        self._ids = itertools.count(1)
        self._limits = limits
        self._inbox_settings = InboxSettings(
            bucket=BUCKET,
            ledger_table=TABLE,
            results_topic=RESULTS_TOPIC,
            cutting_machine=MACHINE,
            endpoint_name="demand",
            endpoint_kind=endpoint_kind,
        )

    def execute(self, call: Call) -> Any:
        if (error := self.fail_at.pop(call.operation, None)) is not None:
            raise error
        if call.service == "s3":
            return self.s3(call)
        if call.service == "stepfunctions":
            return self.machine.start_execution(**call.params)
        return self._others(call)

    # -- what people and AWS do

    def drop(self, name: str, body: bytes = CSV) -> ObjectCreated:
        stored = self.s3.put(BUCKET, f"v1/inbox/{name}", body)
        written = {
            "key": f"v1/inbox/{name}",
            "size": len(body),
            "etag": stored.etag.strip('"'),
            "version-id": stored.version_id,
            "sequencer": f"{next(self._sequence):016X}",
        }
        event = {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": "2026-11-28T02:00:00Z",
            "detail": {"version": "0", "bucket": {"name": BUCKET}, "object": written, "reason": "PutObject"},
        }
        return decode_arrival(json.dumps(event))

    def finish(
        self,
        job_id: str,
        bodies: tuple[bytes, ...] = (b"0.1\n0.2\n", b"0.3\n"),
        *,
        state: JobState = JobState.COMPLETED,
        rejects: dict[int, bytes] | None = None,
        reason: str | None = None,
    ) -> Manifest:
        """Write what a finished job leaves: parts, rejects, and the manifest."""
        parts, first_row = [], 0
        for number, body in enumerate(bodies):
            rows = RowRange(first_row, body.count(b"\n"))
            rejected = (rejects or {}).get(number)
            key = keys.part_key(job_id, rows)
            self.s3.put(BUCKET, key, body)
            if rejected is not None:
                self.s3.put(BUCKET, keys.rejects_key(job_id, rows), rejected)
            parts.append(
                ManifestPart(
                    first_row=first_row,
                    rows=rows.rows,
                    state=ChunkState.SCORED,
                    rejected=0 if rejected is None else rejected.count(b"\n"),
                    key=key,
                    rejects_key=None if rejected is None else keys.rejects_key(job_id, rows),
                    size_bytes=len(body),
                    checksum=checksum(body),
                )
            )
            first_row = rows.end
        manifest = Manifest(
            job_id=job_id,
            state=state,
            reason=reason,
            endpoint="demand",
            created_at=0,
            finished_at=1,
            rows_total=first_row,
            rows_scored=first_row,
            rows_rejected=0,
            rows_cancelled=0,
            columns=("prediction",),
            parts=tuple(parts),
        )
        self.s3.put(BUCKET, keys.manifest_key(job_id), manifest.to_json().encode())
        return manifest

    # -- the functions

    def start(self, event: ObjectCreated, execute: Execute | None = None) -> Outcome:
        service = StartJobs(self._inbox_settings, execute or self.execute, now=self.cloud.clock, new_id=self._new_id)
        return service.start(event)

    def deliver(
        self, due: DeliveryDue | str, execute: Execute | None = None, *, calls_left: int | None = None
    ) -> Outcome:
        """Deliver; the function's time runs out after so many looks at the clock."""
        settings = DeliverySettings(bucket=BUCKET, ledger_table=TABLE, outbox_queue=OUTBOX_QUEUE)
        service = DeliverResults(settings, execute or self.execute, concurrency=1, limits=self._limits)
        looks = itertools.count()
        message = DeliveryDue(job_id=due) if isinstance(due, str) else due
        return service.deliver(message, lambda: 900.0 if calls_left is None or next(looks) < calls_left else 1.0)

    # -- what came out

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs, in the order of their creation."""
        return sorted(each.job_id for each in run(DynamoSteps(TABLE).jobs(100), self.execute))

    def job_state(self, job_id: str) -> JobState:
        job = run(DynamoSteps(TABLE).job(job_id), self.execute)
        assert job is not None
        return job.state

    @property
    def outbox(self) -> dict[str, bytes]:
        names = self.s3.keys(BUCKET, "v1/outbox/")
        return {name.removeprefix("v1/outbox/"): self.s3.body(BUCKET, name) for name in names}

    @property
    def events(self) -> list[Any]:
        return [json.loads(each) for each in self.cloud.sns.published.get(RESULTS_TOPIC, [])]

    def continued(self) -> DeliveryDue:
        """Take the message that a delivery sent to itself."""
        queue = self.cloud.queue(OUTBOX_QUEUE)
        (message,) = queue.messages.values()
        queue.messages.clear()
        return DeliveryDue.model_validate_json(message.body)

    def _new_id(self) -> str:
        return f"01JD8W6M3Q2Z7X5V9K4T1B{next(self._ids):04d}"
