"""Fleets: the instances of one variant."""

import asyncio
import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tailrace_local.sagemaker.hosting.instances import FleetPlan, FleetTools, Instance


class Fleet:
    """Instances of one plan. Calls `changed` whenever an instance becomes ready."""

    def __init__(self, plan: FleetPlan, tools: FleetTools, changed: Callable[[], None]) -> None:
        self.plan = plan
        self.instances: list[Instance] = []
        self._tools = tools
        self._changed = changed
        self._numbers = itertools.count(1)
        self._folder = tools.models_dir / plan.name
        self._folders: list[Path] = []

    @property
    def ready_count(self) -> int:
        """Number of instances in service."""
        return sum(instance.ready for instance in self.instances)

    def pick(self) -> Instance | None:
        """Return the least busy instance with a free slot; None if there is none."""
        return min((one for one in self.instances if one.free), key=lambda one: one.in_flight, default=None)

    def route(self) -> Instance | None:
        """Return an instance in service for a request that waits in the container, or None.

        Any one, or with LEAST_OUTSTANDING_REQUESTS the least busy one.
        """
        able = [instance for instance in self.instances if instance.in_service]
        if not able:
            return None
        if self.plan.least_outstanding:
            return min(able, key=lambda one: one.in_flight)
        return random.choice(able)  # noqa: S311 - traffic, no secret

    async def scale(self, count: int, drain_timeout_s: float) -> None:
        """Scale to `count` instances in service. Removed instances first finish their invocations.

        Raises:
            StartError: new instances did not come into service; the old ones stay.
        """
        if count > len(self.instances):
            await self._grow(count - len(self.instances))
        elif count < len(self.instances):
            await self._shrink(len(self.instances) - count, drain_timeout_s)

    async def prepare(self) -> None:
        """Fetch the model data, once for all instances. Raises StartError."""
        if not self._folders:
            plan = self.plan
            self._folders = [
                await self._tools.models.fetch(
                    plan.role_arn, container, self._folder / str(index), plan.download_timeout_s
                )
                for index, container in enumerate(plan.containers)
            ]

    async def drain(self, timeout_s: float) -> None:
        """Take no more invocations, finish the running ones, then stop."""
        await asyncio.gather(*(instance.drain(timeout_s) for instance in self.instances))
        await self.stop()

    async def stop(self) -> None:
        """Stop all instances and remove the model data."""
        leaving, self.instances = self.instances, []
        await asyncio.gather(*(instance.stop() for instance in leaving))
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._folders = []

    async def _grow(self, more: int) -> None:
        await self.prepare()
        await self._begin(self._new(more))

    def _new(self, count: int) -> list[Instance]:
        names = [f"{self.plan.name}-{next(self._numbers)}" for _ in range(count)]
        new = [Instance(name, self.plan, self._tools, self._folders, self._changed) for name in names]
        self.instances += new
        return new

    async def _begin(self, new: list[Instance]) -> None:
        try:
            async with asyncio.TaskGroup() as starting:
                for instance in new:
                    starting.create_task(instance.start())
        except BaseExceptionGroup as group:
            await self._discard(new)
            raise group.exceptions[0] from None
        except asyncio.CancelledError:
            await self._discard(new)
            raise

    async def _shrink(self, fewer: int, drain_timeout_s: float) -> None:
        leaving = sorted(self.instances, key=lambda instance: (instance.ready, instance.in_flight))[:fewer]
        self.instances = [instance for instance in self.instances if instance not in leaving]
        for instance in leaving:
            await instance.drain(drain_timeout_s)
        await asyncio.gather(*(instance.stop() for instance in leaving))

    async def _discard(self, instances: list[Instance]) -> None:
        self.instances = [instance for instance in self.instances if instance not in instances]
        await asyncio.gather(*(instance.stop() for instance in instances))
