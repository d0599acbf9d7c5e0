"""The simulated service of batch transform: jobs over objects, whole outputs, and their events.

It keeps the contract that AWS documents: an object's output exists only if all of it succeeded; the
others of a job go on; any failure fails the job, which states one reason.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.transforms import rounds
from tests.faults import model
from tests.faults.answering import Answering
from tests.faults.memory_aws.cloud import BUCKET, TRANSFORMS, Cloud
from tests.faults.memory_aws.errors import refusal

DURATION_S = 240.0
"""Time that each job takes: most of it starts an instance."""
CLIENT_ERROR = "ClientError: See job logs for more information"
ALGORITHM_ERROR = "AlgorithmError: See job logs for more information"
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."
NO_CAPACITY = "CapacityError: Unable to provision requested ML compute capacity"


@dataclass
class Transform:
    """One transform job."""

    request: dict[str, Any]
    started_at: float
    status: str = "InProgress"
    reason: str | None = None
    ended_at: float | None = None

    @property
    def name(self) -> str:
        return str(self.request["TransformJobName"])

    @property
    def number(self) -> int:
        found = rounds.parse_transform_job_name(self.name)
        assert found is not None, self.name
        return found[1]

    @property
    def end_due_at(self) -> float:
        return self.started_at + DURATION_S


@dataclass
class Trouble:
    """What goes wrong with one job, besides what its objects make go wrong.

    Args:
        events: Number of events of its end; 0 loses it.
        reason: It breaks off for this reason; None for none.
        after: Objects answered before it breaks off.
        refused: CreateTransformJob calls that are over the account's limit.
    """

    events: int = 1
    reason: str | None = None
    after: int = 0
    refused: int = 0


@dataclass
class TransformService:
    """The client's methods of ``sagemaker``, and the service."""

    cloud: Cloud
    answering: Answering = model.USUAL
    troubles: list[Trouble] = field(default_factory=list)
    """Troubles of the jobs, in the order of their creation."""
    layout: int = 0
    """Which of the documented keys of an output the service uses."""
    model_missing: bool = False
    jobs: dict[str, Transform] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    attempts: Counter[str] = field(default_factory=Counter)
    """Requests for each input."""
    _chosen: dict[str, Trouble] = field(default_factory=dict)

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return {"EndpointStatus": "InService"}

    def create_transform_job(self, **request: Any) -> dict[str, Any]:
        name = request["TransformJobName"]
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name), name
        if name in self.jobs:
            raise refusal("ResourceInUse", f"Job name must be unique: {name}", "CreateTransformJob")
        if self.model_missing:
            raise refusal("ValidationException", "Could not find model", "CreateTransformJob")
        trouble = self._trouble(name)
        if trouble.refused:
            trouble.refused -= 1
            raise refusal("ResourceLimitExceeded", "The account-level service limit is 1", "CreateTransformJob")
        self.jobs[name] = Transform(request, self.cloud.clock())
        return {"TransformJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:transform-job/{name}"}

    def describe_transform_job(self, *, TransformJobName: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        job = self.jobs.get(TransformJobName)
        if job is None:
            raise refusal("ValidationException", "Could not find requested job with name", "DescribeTransformJob")
        found = {"TransformJobStatus": job.status, "FailureReason": job.reason, "TransformStartTime": job.started_at}
        found["TransformEndTime"] = job.ended_at
        return {name: value for name, value in found.items() if value is not None}

    def stop_transform_job(self, *, TransformJobName: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        job = self.jobs.get(TransformJobName)
        if job is None or job.status != "InProgress":
            raise refusal("ValidationException", "The request was rejected", "StopTransformJob")
        self.stopped.append(TransformJobName)
        self._end(job, "Stopped", None)
        return {}

    def next_end_at(self) -> float | None:
        """Return when the next job ends."""
        return min((each.end_due_at for each in self.jobs.values() if each.status == "InProgress"), default=None)

    def process(self) -> bool:
        """End the jobs whose time has come; False if there is none."""
        due = [each for each in self.jobs.values() if each.status == "InProgress"]
        due = [each for each in due if each.end_due_at <= self.cloud.clock()]
        for each in due:
            self._run(each)
        return bool(due)

    def _trouble(self, name: str) -> Trouble:
        if name not in self._chosen:
            self._chosen[name] = self.troubles.pop(0) if self.troubles else Trouble()
        return self._chosen[name]

    def _run(self, job: Transform) -> None:
        trouble, reason = self._trouble(job.name), None
        for number, key in enumerate(self._inputs(job)):
            if trouble.reason is not None and number >= trouble.after:
                break
            said = self._answer(key)
            if isinstance(said, model.Refused):
                by_client = said.reason == model.BAD_REQUEST
                reason = reason or (CLIENT_ERROR if by_client else ALGORITHM_ERROR)
            else:
                self.cloud.s3.write(self._output_key(job, key), said.body, {})
        reason = trouble.reason or reason
        self._end(job, "Completed" if reason is None else "Failed", reason)

    def _answer(self, key: str) -> model.Answered | model.Refused:
        self.attempts[key] += 1
        return model.score(self.cloud.s3.objects[key].body, self.attempts[key], self.answering)

    def _inputs(self, job: Transform) -> list[str]:
        source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
        assert job.request["TransformInput"]["SplitType"] == "None"
        key = source["S3Uri"].removeprefix(f"s3://{BUCKET}/")
        objects = self.cloud.s3.objects
        if source["S3DataType"] == "S3Prefix":
            return sorted(each for each in objects if each.startswith(key))
        first, *names = json.loads(objects[key].body)
        return [first["prefix"].removeprefix(f"s3://{BUCKET}/") + name for name in names]

    def _output_key(self, job: Transform, key: str) -> str:
        folders = ("", key.rpartition("/")[0] + "/", "input/")
        out = job.request["TransformOutput"]["S3OutputPath"].removeprefix(f"s3://{BUCKET}/")
        return f"{out}/{folders[self.layout]}{key.rpartition('/')[2]}.out"

    def _end(self, job: Transform, status: str, reason: str | None) -> None:
        job.status, job.reason, job.ended_at = status, reason, self.cloud.clock()
        event = {
            "detail-type": "SageMaker Transform Job State Change",
            "source": "aws.sagemaker",
            "detail": {"TransformJobName": job.name, "TransformJobStatus": status},
        }
        for _ in range(self._trouble(job.name).events):
            self.cloud.sqs.send_message(QueueUrl=TRANSFORMS, MessageBody=json.dumps(event))
