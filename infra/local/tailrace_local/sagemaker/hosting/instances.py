"""Instances: the model servers of one copy of a model, restarted when they die."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import StartError
from tailrace_local.sagemaker.ports import ImageRegistry, Launcher, ModelClient, ModelStore, Server
from tailrace_local.sagemaker.records import Container

_WATCH_S = 0.2
_PING_S = 0.05
_BACKOFF_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
_NOT_STOOD_UP = (
    "Unable to successfully stand up your model within the allotted 180 second timeout. Please ensure that downloading "
    "your model artifacts, starting your model container and passing the ping health checks can be completed within "
    "180 seconds."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FleetTools:
    """The collaborators of fleets and their instances."""

    launcher: Launcher
    caller: ModelClient
    images: ImageRegistry
    models: ModelStore
    clock: Clock
    models_dir: Path


@dataclass(frozen=True)
class FleetPlan:
    """The plan of a variant's instances.

    Attributes:
        slots: the concurrent invocations that an instance takes from a queue. Real-time requests
            have no such limit: they wait in the container.
        least_outstanding: route a real-time request to the least busy instance, not to any.
        serverless: it has no instances of its own; a failed start is worded accordingly.
    """

    name: str
    variant: str
    role_arn: str
    containers: tuple[Container, ...]
    slots: int
    startup_timeout_s: float
    download_timeout_s: float | None = None
    least_outstanding: bool = False
    serverless: bool = False


class Instance:
    """One copy of the model: a server for each container, in calling order."""

    def __init__(
        self, name: str, plan: FleetPlan, tools: FleetTools, folders: list[Path], changed: Callable[[], None]
    ) -> None:
        self.name = name
        self.in_flight = 0
        self.ready = False
        self._peak = 0
        self._plan = plan
        self._tools = tools
        self._folders = folders
        self._changed = changed
        self._servers: list[Server] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def urls(self) -> list[str]:
        """Base URLs of the servers."""
        return [server.url for server in self._servers]

    @property
    def free(self) -> bool:
        """True if it has a slot for another queued invocation."""
        return self.in_service and self.in_flight < self._plan.slots

    @property
    def in_service(self) -> bool:
        """True if it answers requests.

        Checks that the servers live, without waiting for the next watch.
        """
        return self.ready and self._alive()

    def acquire(self) -> None:
        """Take a slot for an invocation."""
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        self._idle.clear()

    def take_peak(self) -> int:
        """Return the most invocations at the same time since the last call."""
        peak, self._peak = self._peak, self.in_flight
        return peak

    def release(self) -> None:
        """Release the slot of an invocation that has ended."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()

    async def start(self) -> None:
        """Pull the images, start the servers, wait for /ping; then restart servers that die.

        Raises StartError.
        """
        for container in self._plan.containers:
            await self._tools.images.pull(self._plan.role_arn, container.image)
        await self._launch()
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def wait_for_service(self) -> None:
        """Wait until the servers answer, such as after a restart; the caller sets the timeout."""
        while not self.in_service:  # noqa: ASYNC110 - servers die without an event
            await asyncio.sleep(_PING_S)

    def kill_servers(self) -> None:
        """Send SIGKILL to the servers, as when a machine dies.

        They are restarted as after any death.
        """
        for server in self._servers:
            server.kill()

    async def drain(self, timeout_s: float) -> None:
        """Take no more invocations, and wait up to `timeout_s` for the running ones."""
        self.ready = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()

    async def stop(self) -> None:
        """Stop the servers."""
        self.ready = False
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self._end()

    def _alive(self) -> bool:
        return all(server.alive() for server in self._servers)

    async def _launch(self) -> None:
        try:
            for index, (container, folder) in enumerate(zip(self._plan.containers, self._folders, strict=True)):
                server = await self._tools.launcher.launch(f"{self.name}-{index}", container, folder)
                self._servers.append(server)
            async with asyncio.timeout(self._plan.startup_timeout_s):
                for server in self._servers:
                    await self._wait_for_ping(server)
        except TimeoutError:
            error = StartError(self._unhealthy())
            await self._end()
            raise error from None
        except BaseException:
            await self._end()
            raise
        self.ready = True
        self._changed()

    async def _wait_for_ping(self, server: Server) -> None:
        while not await self._tools.caller.ping(server.url):
            if not server.alive():
                raise StartError(self._unhealthy())
            await asyncio.sleep(_PING_S)

    def _unhealthy(self) -> str:
        explained = " ".join(server.explain() for server in self._servers)
        if self._plan.serverless:
            return f"{_NOT_STOOD_UP} {explained}"
        return (
            f"The primary container for production variant {self._plan.variant} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. {explained}"
        )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            if not self._alive():
                self.ready = False
                _log.warning("%s: a model server died; restarting it", self.name)
                await self._restart()

    async def _restart(self) -> None:
        attempt = 0
        while not self.ready:
            await self._end()
            try:
                await self._launch()
            except (StartError, OSError) as error:
                wait_s = _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)]
                _log.warning("%s: %s Next attempt in %s s.", self.name, error, wait_s)
                await self._tools.clock.sleep(wait_s)
            attempt += 1

    async def _end(self) -> None:
        servers, self._servers = self._servers, []
        await asyncio.gather(*(server.stop() for server in servers))
