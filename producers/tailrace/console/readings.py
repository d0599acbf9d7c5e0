"""The console's reads: each is a bounded number of calls, and none receives a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

from tailrace.aws.queues import Queue
from tailrace.console.snapshot import (
    Alarm,
    EndpointState,
    Queues,
    QueueSize,
    ScalingActivity,
    Variant,
)
from tailrace.operations.attention import Attention
from tailrace.operations.corrections import sent_rows
from tailrace.operations.cutting import CuttingLook
from tailrace.operations.facade import Operations
from tailrace.progress.cutting import Cutting
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import AccessDeniedError, ContractError, NotFoundError, PermanentError, TailraceError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.model import Chunk, Job, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.objects import keys
from tailrace_core.objects.locations import parse_trusted

T = TypeVar("T")
NEWEST_JOBS = 50
MAX_PAGES = 5
"""Most pages of chunks to read of a job: each is one call and about 2,000 chunks."""
MAX_PARKED = 500
"""Most parked chunks to read: their items come in calls of a hundred."""
SHOWN_BYTES = 16 * 1024
BACKLOG_S = 3 * 3_600
_ACTIVITIES = 10
_LOOKS = 200
_SCALING = "application-autoscaling"


@dataclass(frozen=True, slots=True)
class JobChunks:
    """A job's chunks by range, split ones included, as far as they were read."""

    chunks: tuple[Chunk, ...]
    complete: bool
    """False when the job has more chunks than were read."""


class Readings:
    """Reads of one stack. ``now`` gives seconds since the epoch."""

    def __init__(self, operations: Operations, *, now: Callable[[], float]) -> None:
        self._operations = operations
        self._stack = operations.stack
        self._ledger = DynamoSteps(operations.stack.table)
        self._now = now
        self.descriptions: Mapping[str, JobDescription] = {}
        """Descriptions of the jobs that were listed last, by job id."""
        # A look remembers what does not change any more.
        self._look = lru_cache(maxsize=_LOOKS)(partial(CuttingLook, self._stack.cutting_machine or ""))

    # -- sampled

    def jobs(self) -> tuple[Job, ...]:
        """Read the newest jobs, newest first, and with the same calls their `descriptions`."""
        found, _ = self._run(self._ledger.described_jobs(NEWEST_JOBS))
        self.descriptions = {each.job.job_id: each.description for each in found}
        return tuple(each.job for each in found)

    def job(self, job_id: str) -> Job | None:
        """Read one job."""
        return self._run(self._ledger.job(job_id))

    def cutting(self, job_id: str) -> Cutting | None:
        """Read how far the input of a remote job is cut, by four calls; None for other jobs."""
        return None if self._stack.cutting_machine is None else self._run(self._look(job_id).look())

    def parked(self) -> Attention:
        """Read the parked chunks that have waited longest, by the index of what needs attention."""
        return self._operations.attention(MAX_PARKED)

    def queues(self) -> Queues:
        """Ask for the queues' sizes."""
        letters = self._operations.dead_letters.queues()
        return Queues(
            tuple(QueueSize(queue.name, size, queue.source_url is not None) for queue, size in letters),
            self._size("ResultsQueue"),
        )

    def alarms(self) -> tuple[Alarm, ...]:
        """Read the stack's alarms that ring."""
        if "AlarmTopic" not in self._stack.outputs:
            return ()
        params = {"AlarmNamePrefix": f"{self._stack.name}-Watch-", "StateValue": "ALARM", "MaxRecords": 100}
        answer = self._execute(Call("cloudwatch", "describe_alarms", params))
        return tuple(
            Alarm(each["AlarmName"], each.get("AlarmDescription", ""), _epoch(each.get("StateUpdatedTimestamp")))
            for each in answer["MetricAlarms"]
        )

    def endpoint(self) -> EndpointState:
        """Describe the endpoint, its scaling and its backlog; what may not be read is named."""
        name = self._stack.endpoint_name
        try:
            answer = self._execute(Call("sagemaker", "describe_endpoint", {"EndpointName": name}))
        except AccessDeniedError:
            raise
        except PermanentError as exc:
            return EndpointState(name=name, status="missing", reason=exc.message)
        unknown: list[str] = []
        variants = tuple(
            Variant(each["VariantName"], each.get("CurrentInstanceCount", 0), each.get("DesiredInstanceCount", 0))
            for each in answer.get("ProductionVariants", ())
        )
        return EndpointState(
            name=name,
            status=answer["EndpointStatus"],
            reason=answer.get("FailureReason"),
            variants=_tried(lambda: self._scaled(variants), variants, "scaling", unknown),
            activities=_tried(lambda: self._activities(variants), (), "scaling activities", unknown),
            backlog=_tried(self._backlog, (), "backlog", unknown),
            unknown=tuple(unknown),
        )

    # -- on demand

    def settings(self, job_id: str) -> JobSettings | None:
        """Read a job's settings."""
        return self._run(self._ledger.settings(job_id))

    def description(self, job_id: str) -> JobDescription:
        """Read what people call a job, where its rows came from, and who submitted it."""
        return self._run(self._ledger.description(job_id))

    def chunks(self, job_id: str) -> JobChunks:
        """Read a job's chunks, in `MAX_PAGES` calls at most."""
        found: list[Chunk] = []
        after = None
        for _ in range(MAX_PAGES):
            page, after = self._run(self._ledger.chunks_page(job_id, after))
            found += page
            if not after:
                break
        return JobChunks(tuple(found), not after)

    def chunk(self, job_id: str, rows: RowRange) -> Chunk | None:
        """Read one chunk."""
        return self._run(self._ledger.chunk(job_id, rows))

    def input_text(self, chunk: Chunk, size_bytes: int = SHOWN_BYTES) -> bytes | None:
        """Read the beginning of the chunk's input object; None when it is missing."""
        return self._object(keys.input_key(chunk.job_id, chunk.range), size_bytes)

    def rows_to_edit(self, chunk: Chunk, size_bytes: int) -> bytes | None:
        """Read the chunk's rows, without the copies of canaries; None when they are missing."""
        data = self.input_text(chunk, size_bytes)
        settings = self.settings(chunk.job_id)
        return data if data is None or settings is None else sent_rows(data, chunk, settings)

    def failure_text(self, chunk: Chunk) -> bytes | None:
        """Read the beginning of the attempt's failure object; None when there is none."""
        if chunk.failure_location is None:
            return None
        try:
            key = parse_trusted(chunk.failure_location, bucket=self._stack.bucket, prefix=keys.FAILURES).key
        except ContractError:
            return None
        return self._object(key, SHOWN_BYTES)

    # -- inside

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _execute(self, call: Call) -> Any:
        return self._operations.execute(call)

    def _object(self, key: str, size_bytes: int) -> bytes | None:
        params = {"Bucket": self._stack.bucket, "Key": key, "Range": f"bytes=0-{size_bytes - 1}"}
        try:
            return self._operations.read(Call("s3", "get_object", params))
        except (NotFoundError, AccessDeniedError):
            # S3 answers 403 for a missing object to an identity that may not list the bucket.
            return None

    def _size(self, output: str) -> int | None:
        try:
            return Queue(self._stack.queue_url(output), self._execute).size()
        except TailraceError:
            return None

    def _scaled(self, variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
        resources = {self._resource(each): each for each in variants}
        if not resources:
            return ()
        params = {"ServiceNamespace": "sagemaker", "ResourceIds": list(resources)}
        answer = self._execute(Call(_SCALING, "describe_scalable_targets", params))
        for target in answer["ScalableTargets"]:
            resources[target["ResourceId"]] = replace(
                resources[target["ResourceId"]],
                minimum=target["MinCapacity"],
                maximum=target["MaxCapacity"],
                suspended=any((target.get("SuspendedState") or {}).values()),
            )
        return tuple(resources.values())

    def _activities(self, variants: tuple[Variant, ...]) -> tuple[ScalingActivity, ...]:
        found: list[ScalingActivity] = []
        for each in variants:
            params = {
                "ServiceNamespace": "sagemaker",
                "ResourceId": self._resource(each),
                "MaxResults": _ACTIVITIES,
            }
            answer = self._execute(Call(_SCALING, "describe_scaling_activities", params))
            found += [
                ScalingActivity(
                    _epoch(each["StartTime"]) or 0.0,
                    each["StatusCode"],
                    each.get("Description", ""),
                    each.get("StatusMessage", ""),
                )
                for each in answer["ScalingActivities"]
            ]
        return tuple(sorted(found, key=lambda each: -each.at)[:_ACTIVITIES])

    def _backlog(self) -> tuple[tuple[float, float], ...]:
        now = self._now()
        params = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSize",
            "Dimensions": [{"Name": "EndpointName", "Value": self._stack.endpoint_name}],
            "StartTime": datetime.fromtimestamp(now - BACKLOG_S, UTC),
            "EndTime": datetime.fromtimestamp(now, UTC),
            "Period": 60,
            "Statistics": ["Average"],
        }
        answer = self._execute(Call("cloudwatch", "get_metric_statistics", params))
        points = ((each["Timestamp"].timestamp(), float(each["Average"])) for each in answer["Datapoints"])
        return tuple(sorted(points))

    def _resource(self, variant: Variant) -> str:
        return f"endpoint/{self._stack.endpoint_name}/variant/{variant.name}"


def _tried(read: Callable[[], T], otherwise: T, what: str, unknown: list[str]) -> T:
    try:
        return read()
    except TailraceError as exc:
        unknown.append(f"{what}: {exc}")
        return otherwise


def _epoch(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
