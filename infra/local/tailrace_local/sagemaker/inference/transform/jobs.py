"""Transform jobs, and how the API describes them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tailrace_local.sagemaker.records import Model

MIB = 1 << 20
LONGEST_REASON = 1024


class TransformStatus(StrEnum):
    """The TransformJobStatus of the API."""

    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass
class TransformJob:
    """A job and the request that created it. Times are seconds since the epoch.

    The job keeps its model: deleting that resource does not change what runs.
    """

    name: str
    arn: str
    request: Mapping[str, Any]
    model: Model
    created_s: float
    status: TransformStatus = TransformStatus.IN_PROGRESS
    started_s: float | None = None
    ended_s: float | None = None
    modified_s: float = 0.0
    failure_reason: str | None = None
    work: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """True until the job has ended."""
        return self.status in {TransformStatus.IN_PROGRESS, TransformStatus.STOPPING}

    @property
    def source(self) -> Mapping[str, Any]:
        """The request's TransformInput."""
        return dict(self.request["TransformInput"])

    @property
    def output(self) -> Mapping[str, Any]:
        """The request's TransformOutput."""
        return dict(self.request["TransformOutput"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the job adds to the containers' own.

        Source: "How Containers Serve Requests" for batch transform.
        """
        found = {"SAGEMAKER_BATCH": "true", **self.request.get("Environment", {})}
        if "MaxPayloadInMB" in self.request:
            found["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(self.request["MaxPayloadInMB"])
        if strategy := self.request.get("BatchStrategy"):
            found["SAGEMAKER_BATCH_STRATEGY"] = {"SingleRecord": "SINGLE_RECORD"}.get(strategy, "MULTI_RECORD")
        if "MaxConcurrentTransforms" in self.request:
            found["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(self.request["MaxConcurrentTransforms"])
        return found

    def described(self) -> dict[str, Any]:
        """Return the answer of DescribeTransformJob."""
        shown = {
            **self.request,
            "TransformJobName": self.name,
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status.value,
            "CreationTime": self.created_s,
        }
        times = {"TransformStartTime": self.started_s, "TransformEndTime": self.ended_s}
        return shown | _present(times) | _present({"FailureReason": self.failure_reason})

    def summary(self) -> dict[str, Any]:
        """Return an entry of ListTransformJobs."""
        shown = self.described()
        return {key: shown[key] for key in _SUMMARISED if key in shown} | {"LastModifiedTime": self.modified_s}


_SUMMARISED = (
    *("TransformJobName", "TransformJobArn", "TransformJobStatus"),
    *("CreationTime", "TransformEndTime", "FailureReason"),
)


@dataclass(frozen=True)
class Limits:
    """Bounds of a job's requests. A payload limit of 0 is none."""

    concurrent: int
    payload_bytes: int
    single_record: bool
    timeout_s: float
    retries: int


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
