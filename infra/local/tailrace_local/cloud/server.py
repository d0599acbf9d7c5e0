"""The cloud, put together and served until it is told to stop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.event_sources.permissions import EventSourcePermissions
from tailrace_local.cloud.event_sources.poller import Poller
from tailrace_local.cloud.event_sources.supervisor import MappedFunction, PollerSupervisor, RoleQueue
from tailrace_local.cloud.functions.artifact import ArtifactStore
from tailrace_local.cloud.functions.environment import WorkerEnvironment
from tailrace_local.cloud.functions.fault_injection.api import FaultApi
from tailrace_local.cloud.functions.fault_injection.controller import FaultController
from tailrace_local.cloud.functions.fleet import Fleet
from tailrace_local.cloud.functions.logs import FunctionLogs
from tailrace_local.cloud.functions.permissions import FunctionPermissions
from tailrace_local.cloud.functions.specification import FunctionSpec
from tailrace_local.cloud.functions.worker import Worker
from tailrace_local.cloud.iam.access_log import FILE, AccessLog
from tailrace_local.cloud.iam.enforcement import EnforcedService
from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys
from tailrace_local.cloud.ministack.core import Environment, MiniStack
from tailrace_local.cloud.ministack.declared_types import DeclaredResources
from tailrace_local.cloud.ministack.dynamodb import MiniStackTables
from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.ministack.missing_objects import MissingObjects
from tailrace_local.cloud.ministack.nested_stacks import NestedStacks
from tailrace_local.cloud.ministack.stacks import MiniStackStacks
from tailrace_local.cloud.monitoring import Monitor
from tailrace_local.cloud.pace_api import PaceApi
from tailrace_local.cloud.roles.clients import RoleClients
from tailrace_local.cloud.roles.credentials import RoleCredentials
from tailrace_local.cloud.roles.policies import ROLE_POLICY, RolePolicies
from tailrace_local.cloud.schedules import ScheduledTargets
from tailrace_local.cloud.services import CombinedService, Emulator, NullEmulator, Service
from tailrace_local.cloud.serving.http_server import CloudServer
from tailrace_local.cloud.serving.listeners import Listeners
from tailrace_local.cloud.serving.router import STATUS_PATH, Router
from tailrace_local.cloud.settings import CloudSettings
from tailrace_local.emulation.pace import Pace
from tailrace_local.state_directory import CloudAddress, StateDirectory

_log = logging.getLogger("tailrace.cloud")
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 15.0
_SCHEDULES_EVERY_S = 1.0


class Cloud:
    """Everything that runs in this process. MiniStack's environment has to be set before one is made."""

    def __init__(self, settings: CloudSettings, listening: CloudAddress) -> None:
        self._settings = settings
        self._endpoint_url = endpoint_url = listening.endpoint_url
        self._state = StateDirectory(Path(settings.state_dir))
        self._ministack = MiniStack()
        self._stacks = MiniStackStacks()
        self._credentials = RoleCredentials(self._ministack.iam)
        self._clients = RoleClients(self._credentials, endpoint_url)
        self._keys = EncryptionKeys(region=settings.region, account_id=settings.account_id)
        self._permissions = FunctionPermissions(self._ministack.iam, self._credentials, self._keys)
        self._artifacts = ArtifactStore(self._state.root / "artifacts")
        self._environment = WorkerEnvironment(endpoint_url, listening.ca_bundle, self._state.temporary)
        self._fleet = Fleet(self._start_worker, FunctionLogs(self._clients))
        self._faults = FaultController(self._state.root / "faults", self._fleet.renew)
        self._declared = DeclaredResources()
        self._pace = Pace(settings.time_scale)
        self._monitor = Monitor(
            region=settings.region,
            account_id=settings.account_id,
            endpoint_url=endpoint_url,
            pace=self._pace,
        )
        self._emulator = _sagemaker(settings, endpoint_url, self._state.root, self._pace)
        self._supervisor = PollerSupervisor(self._ministack, self._make_poller)
        self._install()

    @property
    def app(self) -> Router:
        """What the server serves."""
        aws = self._ministack.app
        if self._settings.enforce_iam:
            aws = MissingObjects(aws, self._ministack.iam)
        return Router(aws, FaultApi(self._faults, self._enforced()), self.status)

    async def start(self) -> None:
        """Start what needs the port to answer."""
        await self._emulator.start()
        self._supervisor.start()
        self._monitor.start()

    async def stop(self) -> None:
        """Stop pollers, functions and model servers, in that order."""
        await asyncio.to_thread(self._monitor.stop)
        self._supervisor.stop()
        await asyncio.to_thread(self._fleet.close)
        await self._emulator.stop()

    def status(self) -> dict[str, Any]:
        """What runs in here, and how deep its queues are."""
        # First: it enters the account and region whose stacks are told.
        watched = self._monitor.status()
        return {
            "stacks": [{"name": name, "status": status} for name, status in self._stacks.statuses().items()],
            "queues": watched.pop("queues"),
            "functions": self._fleet.listed(),
            "mappings": self._supervisor.listed(),
            "declared": self._declared.listed(),
            **watched,
        }

    def _enforced(self) -> Service:
        services = CombinedService(PaceApi(self._pace), self._monitor.scaling, self._emulator)
        if not self._settings.enforce_iam:
            return services
        region, account_id = self._settings.region, self._settings.account_id
        return EnforcedService(services, self._ministack.iam, region=region, account_id=account_id)

    def _install(self) -> None:
        self._ministack.run_functions_with(self._monitor.metered(self._fleet.execute))
        self._ministack.write_no_logs()
        MiniStackTables().install()
        self._ministack.stop_polling_queues()
        self._ministack.keep_dead_letter_queues()
        self._ministack.look_at_schedules_every(_SCHEDULES_EVERY_S)
        self._ministack.fire_schedules_with(ScheduledTargets(self._clients).fire)
        self._enforce(self._ministack.iam)
        self._monitor.install()
        self._ministack.add_resource_types(
            {
                **self._emulator.cloudformation_handlers(),
                **self._monitor.cloudformation_handlers(),
                ROLE_POLICY: RolePolicies(self._ministack),
            }
        )
        NestedStacks(self._stacks).install(self._ministack)
        self._declared.install(self._ministack)

    def _enforce(self, iam: MiniStackIam) -> None:
        iam.correct_condition_keys(tls=self._settings.tls)
        iam.correct_actions()
        iam.correct_resources()
        iam.let_the_account_stand_for("sagemaker.amazonaws.com")
        if self._settings.enforce_iam:
            iam.log_decisions(AccessLog(self._state.root / FILE))
            self._keys.install(self._ministack)
            iam.ask_for_keys(self._keys)
            self._ministack.guard_dead_letters(self._permissions.may_send)
            self._ministack.guard_mappings(EventSourcePermissions(iam, self._credentials).refusal)

    def _start_worker(self, spec: FunctionSpec, archive: bytes) -> Worker:
        self._permissions.require_environment(spec)
        return Worker(
            spec,
            python=self._settings.lambda_python,
            command=self._faults.command(spec.handler),
            task_root=self._artifacts.unpack(archive),
            environment=self._environment,
            credentials=self._credentials,
            records=self._state.processes,
            log=self._state.logs / "functions" / f"{spec.name}.log",
        )

    def _make_poller(self, current: Callable[[], EventSourceMapping | None], mapping: EventSourceMapping) -> Poller:
        function = MappedFunction(self._ministack, mapping)
        return Poller(current, RoleQueue(mapping, function, self._clients, self._endpoint_url), function)


def run(settings: CloudSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    state = StateDirectory(Path(settings.state_dir))
    listeners = Listeners.open(state.tls if settings.tls else None)
    Environment(
        listeners.port,
        settings.region,
        settings.account_id,
        state.temporary,
        settings.enforce_iam,
        listeners.listening.ca_bundle,
    ).apply()
    asyncio.run(_serve(settings, listeners, state))


async def _serve(settings: CloudSettings, listeners: Listeners, state: StateDirectory) -> None:
    listening = listeners.listening
    cloud = Cloud(settings, listening)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.starter_fd is not None:
        _watch_starter(loop, settings.starter_fd, stop)
    serving = CloudServer(cloud.app, listeners)
    # The server outlives the signal until what uses it has stopped.
    server = asyncio.create_task(serving.serve())
    try:
        await _answering(listening.plain_url or listening.endpoint_url, server)
        await cloud.start()
        state.write_address(listening)
        _log.info("listening at %s", listening.endpoint_url)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, server}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        _log.info("stopping")
        try:
            await asyncio.wait_for(cloud.stop(), _STOP_WITHIN_S)
        finally:
            serving.stop()
            await asyncio.wait({server}, timeout=_STOP_WITHIN_S)
    if server.done() and (error := server.exception()):
        raise error


def _watch_starter(loop: asyncio.AbstractEventLoop, pipe: int, stop: asyncio.Event) -> None:
    """Nothing is ever written to the pipe: it can be read from when its last writer is gone."""

    def ended() -> None:
        _log.warning("whoever started this cloud has ended")
        loop.remove_reader(pipe)
        stop.set()

    loop.add_reader(pipe, ended)


async def _answering(url: str, server: asyncio.Task[None]) -> None:
    """Wait until the port answers."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY_WITHIN_S
    while loop.time() < deadline:
        if server.done():
            await server
            raise RuntimeError("the server ended while it started")
        try:
            await asyncio.to_thread(_ask, url + STATUS_PATH)
        except (urllib.error.URLError, OSError):
            await asyncio.sleep(0.05)
        else:
            return
    raise TimeoutError(f"{url} did not answer within {_READY_WITHIN_S:.0f} s")


def _ask(url: str) -> None:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
        answer.read()


def _sagemaker(settings: CloudSettings, endpoint_url: str, state_dir: Path, pace: Pace) -> Emulator:
    if not settings.sagemaker:
        return NullEmulator()
    # Imported here because it uses boto3, which must find MiniStack's environment set.
    sagemaker: Any = importlib.import_module("tailrace_local.sagemaker")
    images = {name: sagemaker.ImageCommand(**vars(image)) for name, image in settings.images.items()}
    emulator: Emulator = sagemaker.build(
        sagemaker.EmulatorSettings(
            region=settings.region,
            account_id=settings.account_id,
            aws_endpoint_url=endpoint_url,
            state_dir=state_dir,
            images=images,
            # Slow where there is no ECR, and of no use where everything is allowed.
            ask_registry=settings.enforce_iam,
            allow_serial_pipelines=settings.allow_serial_pipelines,
        ),
        pace=pace,
    )
    return emulator
