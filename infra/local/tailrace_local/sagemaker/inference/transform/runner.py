"""Runs a transform job: instances, objects, statuses."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker.clock import sleep_paced
from tailrace_local.sagemaker.errors import RoleError, StartError, StorageError
from tailrace_local.sagemaker.hosting.endpoint_logs import LoggedFiles
from tailrace_local.sagemaker.hosting.fleet import Fleet
from tailrace_local.sagemaker.hosting.instances import FleetPlan, FleetTools
from tailrace_local.sagemaker.inference.transform.inputs import InputList, InputObject
from tailrace_local.sagemaker.inference.transform.jobs import LONGEST_REASON, TransformJob, TransformStatus
from tailrace_local.sagemaker.inference.transform.rules import limits_of
from tailrace_local.sagemaker.inference.transform.state_events import StateEvents
from tailrace_local.sagemaker.inference.transform.transformer import (
    ObjectFailure,
    ObjectTransformer,
    Slots,
    TransformTools,
)
from tailrace_local.sagemaker.ports import LogStream
from tailrace_local.sagemaker.settings import EmulatorSettings

DATA_LOG = "data-log"
_GROUP = "/aws/sagemaker/TransformJobs"
_LOGGED_JOBS = 50
_log = logging.getLogger(__name__)


class JobFailure(Exception):  # noqa: N818 - becomes the job's FailureReason, is no error of the emulator
    """A failed job; the message is its FailureReason."""


class TransformRunner:
    """Runs jobs, each in a task of its own."""

    def __init__(
        self, settings: EmulatorSettings, tools: TransformTools, fleets: FleetTools, events: StateEvents, pace: Pace
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._fleets = fleets
        self._events = events
        self._pace = pace
        self._logged: deque[list[LoggedFiles]] = deque(maxlen=_LOGGED_JOBS)
        self._inputs = InputList(tools.store, tools.spool_dir, full_keys=settings.manifest_outputs_by_full_key)

    def logs(self) -> list[LoggedFiles]:
        """Return the logs of the latest jobs, in the group /aws/sagemaker/TransformJobs."""
        return [each for logged in self._logged for each in logged]

    def start(self, job: TransformJob) -> None:
        """Begin the job, which ends Completed, Failed or Stopped."""
        job.work = asyncio.create_task(self._run(job), name=f"transform {job.name}")

    async def close(self, job: TransformJob) -> None:
        """End a job's work at once, whatever its status."""
        if job.work:
            job.work.cancel()
            await asyncio.gather(job.work, return_exceptions=True)

    def stop(self, job: TransformJob) -> None:
        """Begin to stop a job that is in progress."""
        job.status, job.modified_s = TransformStatus.STOPPING, self._tools.clock.time()
        if job.work:
            job.work.cancel()

    async def _run(self, job: TransformJob) -> None:
        try:
            await self._events.announce(job)
            await self._transform(job)
        except JobFailure as failure:
            await self._change(job, TransformStatus.FAILED, str(failure))
        except asyncio.CancelledError:
            if job.status is not TransformStatus.STOPPING:
                raise
            await self._events.announce(job)
            await sleep_paced(self._tools.clock, self._pace, self._settings.transform_stop_s)
            await self._change(job, TransformStatus.STOPPED)
        except Exception:  # noqa: BLE001 - the job's owner sees AWS's internal error
            _log.exception("%s: the transform job failed", job.name)
            await self._change(job, TransformStatus.FAILED, "InternalServerError: We encountered an internal error.")
        else:
            await self._change(job, TransformStatus.COMPLETED)

    async def _change(self, job: TransformJob, status: TransformStatus, reason: str | None = None) -> None:
        job.status, job.modified_s = status, self._tools.clock.time()
        job.failure_reason = reason[:LONGEST_REASON] if reason else None
        if not job.running:
            job.ended_s = job.modified_s
        await self._events.announce(job)

    async def _transform(self, job: TransformJob) -> None:
        await sleep_paced(self._tools.clock, self._pace, self._settings.transform_startup_s)
        fleet = Fleet(self._plan(job), self._fleets, lambda: None)
        try:
            await self._start(fleet, job)
            self._logged.append(list(_logged_files(job, fleet)))
            job.started_s = job.modified_s = self._tools.clock.time()
            await self._events.announce(job)
            objects = await self._objects(job)
            advised: Mapping[str, Any] = {}
            if not job.request.get("MaxConcurrentTransforms"):
                advised = await self._tools.caller.execution_parameters(fleet.instances[0].urls[0])
            limits = limits_of(job.request, advised, self._settings.time_scale)
            slots = Slots(fleet.instances, limits.concurrent)
            self._write(fleet, f"MaxConcurrentTransforms={limits.concurrent}, objects={len(objects)}")
            await self._transform_all(ObjectTransformer(job, limits, slots, self._tools), objects, slots, fleet)
        finally:
            await fleet.stop()

    async def _start(self, fleet: Fleet, job: TransformJob) -> None:
        try:
            await fleet.scale(job.request["TransformResources"]["InstanceCount"], 0.0)
        except StartError as error:
            raise JobFailure(f"ClientError: {error}") from error

    async def _objects(self, job: TransformJob) -> list[InputObject]:
        try:
            return await self._inputs.of(job.model.role_arn, job.source, job.output["S3OutputPath"])
        except (StorageError, RoleError) as error:
            raise JobFailure(f"ClientError: {error}") from error

    async def _transform_all(
        self, transformer: ObjectTransformer, objects: list[InputObject], slots: Slots, fleet: Fleet
    ) -> None:
        waiting, sides = deque(objects), Counter[str]()

        async def work() -> None:
            while waiting:
                each = waiting.popleft()
                try:
                    await transformer.transform(each)
                except ObjectFailure as failure:
                    sides[failure.side] += 1
                    place = each.location.removeprefix("s3://")
                    self._write(fleet, *(f"{place}: {line}" for line in failure.lines))

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(slots.count, len(objects))):
                workers.create_task(work())
        if sides:
            side = "AlgorithmError" if "AlgorithmError" in sides else "ClientError"
            raise JobFailure(f"{side}: See job logs for more information")

    def _write(self, fleet: Fleet, *lines: str) -> None:
        """Append to the job's data log."""
        path = self._settings.state_dir / "logs" / f"{fleet.instances[0].name}-{DATA_LOG}.log"
        with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as log:
            log.writelines(f"[sagemaker logs]: {line}\n" for line in lines)

    def _plan(self, job: TransformJob) -> FleetPlan:
        containers = tuple(
            replace(one, environment={**one.environment, **job.environment}) for one in job.model.containers
        )
        return FleetPlan(
            name=f"transform-{job.name}",
            variant=job.name,
            role_arn=job.model.role_arn,
            containers=containers,
            slots=1,
            startup_timeout_s=self._settings.startup_timeout_s,
        )


def _logged_files(job: TransformJob, fleet: Fleet) -> Iterator[LoggedFiles]:
    for instance in fleet.instances:
        for name, suffix in ((f"{instance.name}-[0-9]*.log", ""), (f"{instance.name}-{DATA_LOG}.log", f"/{DATA_LOG}")):
            stream = f"{job.name}/{instance.name}{suffix}"
            yield LoggedFiles(name, LogStream(fleet.plan.role_arn, _GROUP, stream))
