"""The operations on transform jobs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.registry import Table, Tags, list_page
from tailrace_local.sagemaker.errors import ApiError, validation
from tailrace_local.sagemaker.hosting.endpoint_logs import LoggedFiles
from tailrace_local.sagemaker.inference.transform.jobs import TransformJob, TransformStatus
from tailrace_local.sagemaker.inference.transform.rules import check_transform_job
from tailrace_local.sagemaker.inference.transform.runner import TransformRunner
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.records import Model

Request = Mapping[str, Any]
Response = dict[str, Any]
_NAME = "TransformJobName"


class TransformJobs:
    """Implements the operations on transform jobs; their requests must be validated."""

    def __init__(self, models: Table[Model], tags: Tags, runner: TransformRunner, arns: Arns, clock: Clock) -> None:
        self._jobs: Table[TransformJob] = Table("transform job", lambda name: arns.of("transform-job", name))
        self._models = models
        self._tags = tags
        self._runner = runner
        self._arns = arns
        self._clock = clock

    def operations(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        """Return the operations by their API names."""
        return {
            "CreateTransformJob": self._create,
            "DescribeTransformJob": self._describe,
            "ListTransformJobs": self._list,
            "StopTransformJob": self._stop,
        }

    def shown(self) -> list[dict[str, Any]]:
        """Return every job as ListTransformJobs shows it, oldest first."""
        return [job.summary() for job in self._jobs]

    def logs(self) -> list[LoggedFiles]:
        """Return the logs of the latest jobs."""
        return self._runner.logs()

    async def close(self) -> None:
        """End the work of every job."""
        for job in self._jobs:
            await self._runner.close(job)

    async def _create(self, request: Request) -> Response:
        name, now = request[_NAME], self._clock.time()
        if found := self._jobs.find(name):
            raise ApiError(
                "ResourceInUse",
                f"Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({found.arn})",
            )
        check_transform_job(request)
        model = self._models.get(request["ModelName"])
        asked = {key: value for key, value in request.items() if key != "Tags"}
        arn = self._arns.of("transform-job", name)
        job = self._jobs.add(TransformJob(name, arn, asked, model, now, modified_s=now))
        self._tags.add(arn, list(request.get("Tags", ())))
        self._runner.start(job)
        return {"TransformJobArn": arn}

    async def _describe(self, request: Request) -> Response:
        return self._job(request).described()

    async def _list(self, request: Request) -> Response:
        wanted = request.get("StatusEquals")
        after = request.get("LastModifiedTimeAfter", float("-inf"))
        before = request.get("LastModifiedTimeBefore", float("inf"))
        chosen = [job for job in self._jobs if wanted in {None, job.status.value} and after < job.modified_s < before]
        rows, more = list_page(chosen, request)
        return {"TransformJobSummaries": [job.summary() for job in rows]} | more

    async def _stop(self, request: Request) -> Response:
        job = self._job(request)
        if job.status is not TransformStatus.IN_PROGRESS:
            raise validation(f"The request was rejected because the transform job is in status {job.status}.")
        self._runner.stop(job)
        return {}

    def _job(self, request: Request) -> TransformJob:
        job = self._jobs.find(request[_NAME])
        if job is None:
            raise validation(f"Could not find requested job with name: {request[_NAME]}")
        return job
