"""Serverless variants: model servers that start at a request, and stop when there are none.

AWS gives each concurrent execution a container of its own with one worker. Here the servers of one
variant are at most `ServerlessPace.servers`; further executions share them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker.clock import sleep_paced
from tailrace_local.sagemaker.errors import ApiError, StartError
from tailrace_local.sagemaker.hosting.fleet import Fleet
from tailrace_local.sagemaker.hosting.instances import FleetPlan, FleetTools, Instance
from tailrace_local.sagemaker.records import ServerlessSettings

_WATCH_S, _LEAST_WATCH_S = 0.25, 0.05
_STOPPED = "The endpoint's resources are being removed."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerlessPace:
    """The durations of serverless variants, and the bound of their servers.

    Attributes:
        cold_start_s: time until a server starts, at `pace`; its own start comes on top.
        idle_s: time without a request after which a server stops, at `pace`.
        servers: upper limit of a variant's servers.
    """

    pace: Pace
    cold_start_s: float
    idle_s: float
    servers: int


@dataclass(frozen=True)
class Execution:
    """A request that a serverless variant has admitted.

    Attributes:
        setup_s: what the cold start took; None without one.
        concurrent: the executions at the same time, this one included.
    """

    instance: Instance
    setup_s: float | None
    concurrent: int


class ServerlessFleet(Fleet):
    """The servers of one serverless variant."""

    def __init__(
        self,
        plan: FleetPlan,
        tools: FleetTools,
        changed: Callable[[], None],
        settings: ServerlessSettings,
        pace: ServerlessPace,
    ) -> None:
        super().__init__(plan, tools, changed)
        self.settings = settings
        self.executing = 0
        self._clock = tools.clock
        self._pace = pace
        self._used_s: dict[Instance, float] = {}
        self._reaper: asyncio.Task[None] | None = None
        self._stopped = False
        self._cold_starts = 0

    async def scale(self, count: int, drain_timeout_s: float) -> None:
        """Keep `count` servers warm, the provisioned concurrency. The first call proves the model.

        Raises:
            StartError: a server did not come into service, as when an endpoint is created.
        """
        warm = min(count, self._pace.servers)
        first = self._reaper is None
        if first or warm > len(self.instances):
            await super().scale(max(1, warm), drain_timeout_s)
        self.settings = self.settings.with_provisioned(count)
        if first:
            await super().scale(warm, drain_timeout_s)
            self._reaper = asyncio.create_task(self._stop_idle(), name=f"reap {self.plan.name}")

    @asynccontextmanager
    async def execution(self) -> AsyncIterator[Execution]:
        """Admit a request, and give it a server; without a free one it waits for a cold start.

        Raises:
            ApiError: ThrottlingException above MaxConcurrency; ModelNotReadyException when no
                server starts.
        """
        if self.executing >= self.settings.max_concurrency:
            raise ApiError("ThrottlingException", "", 400)
        self.executing += 1
        try:
            concurrent = self.executing
            instance, setup_s = await self._server_in_time()
            try:
                yield Execution(instance, setup_s, concurrent)
            finally:
                instance.release()
                self._used_s[instance] = self._clock.time()
        finally:
            self.executing -= 1

    async def stop(self) -> None:
        """Stop all servers, those that are being started for a request included."""
        self._stopped = True
        if self._reaper:
            # Not cancelled: it may be stopping a server, which nobody else would do.
            await asyncio.gather(self._reaper, return_exceptions=True)
        await super().stop()
        while self._cold_starts:  # noqa: ASYNC110 - each ends within the time that a start has
            await asyncio.sleep(_LEAST_WATCH_S)

    async def _server_in_time(self) -> tuple[Instance, float | None]:
        """Return what `_server` does; servers that died may take too long to start again."""
        setup_s = self._pace.pace.seconds(self._pace.cold_start_s)
        try:
            async with asyncio.timeout(2 * setup_s + self.plan.startup_timeout_s):
                return await self._server()
        except TimeoutError:
            raise ApiError("ModelNotReadyException", "The endpoint's resources are being provisioned.", 429) from None

    async def _server(self) -> tuple[Instance, float | None]:
        """Return a server with a slot taken, and what its cold start took."""
        while not self._stopped:
            if idle := next((one for one in self.instances if one.in_service and not one.in_flight), None):
                idle.acquire()
                return idle, None
            if len(self.instances) < min(self._pace.servers, self.settings.max_concurrency):
                return await self._cold_start()
            if shared := min((one for one in self.instances if one.in_service), key=_load, default=None):
                shared.acquire()
                return shared, None
            await asyncio.sleep(_LEAST_WATCH_S)
        raise ApiError("ModelNotReadyException", _STOPPED, 429)

    async def _cold_start(self) -> tuple[Instance, float]:
        self._cold_starts += 1
        try:
            return await self._start_one()
        finally:
            self._cold_starts -= 1

    async def _start_one(self) -> tuple[Instance, float]:
        begun = self._clock.time()
        (instance,) = self._new(1)
        instance.acquire()
        try:
            await sleep_paced(self._clock, self._pace.pace, self._pace.cold_start_s)
            await self._begin([instance])
        except StartError as error:
            instance.release()
            _log.warning("%s: %s", self.plan.name, error)
            raise ApiError("ModelNotReadyException", str(error), 429) from error
        except BaseException:
            instance.release()
            await self._discard([instance])
            raise
        if self._stopped:
            instance.release()
            await self._discard([instance])
            raise ApiError("ModelNotReadyException", _STOPPED, 429)
        return instance, self._clock.time() - begun

    async def _stop_idle(self) -> None:
        while not self._stopped:
            await asyncio.sleep(max(_LEAST_WATCH_S, self._pace.pace.seconds(_WATCH_S)))
            # The provisioned ones stay; of the others, those that have had no request for a while.
            warm = min(self.settings.provisioned, self._pace.servers)
            old = self._clock.time() - self._pace.pace.seconds(self._pace.idle_s)
            for instance in self.instances[warm:]:
                if instance.ready and not instance.in_flight and self._used_s.get(instance, old) <= old:
                    self._used_s.pop(instance, None)
                    await self._discard([instance])


def _load(instance: Instance) -> int:
    return instance.in_flight
