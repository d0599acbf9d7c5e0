"""The emulator as an ASGI application, its background tasks, and its composition."""

import asyncio
import logging
import re
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

from tailrace_local.emulator_base.asgi import Receive, Scope, Send, headers_of
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.emulator_base.resources import ResourceHandlers
from tailrace_local.sagemaker.adapters.artifacts import ModelArtifacts
from tailrace_local.sagemaker.adapters.aws import (
    CloudWatchMetrics,
    EventBridge,
    RoleClients,
    S3ObjectStore,
    SnsNotifier,
    ThreadPool,
)
from tailrace_local.sagemaker.adapters.containers import HttpModelClient
from tailrace_local.sagemaker.adapters.images import EcrRegistry, UncheckedRegistry
from tailrace_local.sagemaker.adapters.processes import ProcessLauncher, kill_leftovers
from tailrace_local.sagemaker.adapters.training import TrainingProcesses
from tailrace_local.sagemaker.admin import PREFIX, AdminApi
from tailrace_local.sagemaker.asgi import JSON_1_1, Response, read_json, refusal_response
from tailrace_local.sagemaker.clock import Clock, NewId, SystemClock, new_id
from tailrace_local.sagemaker.control.cloudformation import EventLoopBridge, resource_handlers
from tailrace_local.sagemaker.control.lifecycle import EndpointLifecycle, LifecycleTools
from tailrace_local.sagemaker.control.operations import ControlPlane, Registry
from tailrace_local.sagemaker.control.training import LocalTraining
from tailrace_local.sagemaker.control.training_files import TrainingFiles
from tailrace_local.sagemaker.errors import ApiError, EmulatorError
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks
from tailrace_local.sagemaker.fault_injection.planned_faults import PlannedFaults
from tailrace_local.sagemaker.hosting.endpoint_logs import CloudWatchLogs, EndpointLogs, endpoint_logs
from tailrace_local.sagemaker.hosting.instances import FleetTools
from tailrace_local.sagemaker.hosting.metrics import MetricBuffer, endpoint_metrics, instance_metrics
from tailrace_local.sagemaker.inference.engine import AsyncEngine, EngineTools
from tailrace_local.sagemaker.inference.refusals import ModelRefusals
from tailrace_local.sagemaker.inference.runtime import Runtime
from tailrace_local.sagemaker.inference.synchronous import SynchronousEngine, SynchronousTools
from tailrace_local.sagemaker.inference.transform.operations import TransformJobs
from tailrace_local.sagemaker.inference.transform.runner import TransformRunner
from tailrace_local.sagemaker.inference.transform.state_events import StateEvents
from tailrace_local.sagemaker.inference.transform.transformer import TransformTools
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.ports import EventBus, MetricDatum, MetricSink, ObjectStore
from tailrace_local.sagemaker.settings import EmulatorSettings

_TARGET = "SageMaker."
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations)")
_SIGNED_FOR_US = re.compile(r"Credential=[^/]*/\d+/[^/]*/sagemaker/aws4_request")
_TICK_S = 0.25
_log = logging.getLogger(__name__)


class Emulator:
    """An ASGI application that emulates SageMaker's control plane and runtime.

    Use it on one event loop: `await start()`, pass it the requests that it `handles`, `await
    stop()`.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        *,
        registry: Registry,
        control: ControlPlane,
        runtime: Runtime,
        engine: AsyncEngine,
        lifecycle: EndpointLifecycle,
        transform_jobs: TransformJobs,
        metrics: MetricSink,
        logs: EndpointLogs,
        metrics_buffer: MetricBuffer,
        clock: Clock,
        threads: ThreadPool,
        new_id: NewId,
        admin: AdminApi,
        faults: FaultHooks,
        pace: Pace,
        training: LocalTraining,
    ) -> None:
        self.registry = registry
        self.control = control
        self.lifecycle = lifecycle
        self._transform_jobs = transform_jobs
        self._settings = settings
        self._runtime = runtime
        self._engine = engine
        self._metrics = metrics
        self._logs = logs
        self._metrics_buffer = metrics_buffer
        self._clock = clock
        self._threads = threads
        self._new_id = new_id
        self._admin = admin
        self._faults = faults
        self._pace = pace
        self._training = training
        self._bridge = EventLoopBridge()
        self._background: list[asyncio.Task[None]] = []

    def handles(self, scope: Scope) -> bool:
        """True if an ASGI scope is a request for SageMaker or for the admin API."""
        if scope.get("type") != "http":
            return False
        headers = headers_of(scope)
        path = str(scope.get("path", ""))
        return bool(
            headers.get("x-amz-target", "").startswith(_TARGET)
            or _INVOCATION.fullmatch(path)
            or path.startswith(PREFIX)
            or _SIGNED_FOR_US.search(headers.get("authorization", ""))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = self._new_id()
        headers = headers_of(scope)
        target = headers.get("x-amz-target", "")
        try:
            response = await self._answer(scope, headers, target, receive)
        except ApiError as error:
            response = refusal_response(error, control=target.startswith(_TARGET))
        except Exception:  # noqa: BLE001 - the caller sees AWS's InternalFailure
            _log.exception("%s %s %s", scope.get("method"), scope.get("path"), target)
            failure = ApiError("InternalFailure", "The emulator failed; its log has the reason.", 500)
            response = refusal_response(failure, control=target.startswith(_TARGET))
        await response.send(send, request_id)

    async def _answer(self, scope: Scope, headers: dict[str, str], target: str, receive: Receive) -> Response:
        path = str(scope["path"])
        if target.startswith(_TARGET):
            request = await read_json(receive)
            return Response.json(await self.control.call(target.removeprefix(_TARGET), request), kind=JSON_1_1)
        if path.startswith(PREFIX):
            request = await read_json(receive)
            return Response.json(await self._admin.answer(str(scope["method"]), path, request))
        found = _INVOCATION.fullmatch(path)
        if found is None or scope["method"] != "POST":
            raise ApiError("UnknownOperationException", f"{scope['method']} {path}: not emulated.", 404)
        name = unquote(found[1])
        if found[2] == "invocations":
            return await self._runtime.invoke(name, headers, receive)
        return await self._runtime.invoke_async(name, headers, receive)

    async def start(self) -> None:
        """Create the folders, kill a crashed emulator's servers, start the background tasks."""
        for folder in ("processes", "logs", "models", "spool", "training"):
            (self._settings.state_dir / folder).mkdir(parents=True, exist_ok=True)
        kill_leftovers(self._settings.state_dir / "processes")
        self._bridge.loop = asyncio.get_running_loop()
        self._background = [asyncio.create_task(self._tick(), name="expire requests")]
        if self._settings.metrics_period_s > 0:
            self._background.append(asyncio.create_task(self._put_metrics(), name="put metrics"))
        if self._settings.logs_period_s > 0:
            self._background.append(asyncio.create_task(self._forward_logs(), name="forward logs"))

    async def stop(self) -> None:
        """Stop the background tasks, every endpoint and every model server."""
        self._bridge.loop = None
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._training.close()
        await asyncio.gather(*(self.lifecycle.remove(endpoint) for endpoint in self.registry.endpoints))
        await self._transform_jobs.close()
        await self.lifecycle.close()
        await self._faults.close()
        self._threads.close()

    def cloudformation_handlers(self) -> dict[str, ResourceHandlers]:
        """Return the handlers by resource type.

        Call them from threads other than the event loop's.
        """
        return resource_handlers(self.control, self.registry, self._bridge, self._new_id)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(_TICK_S)
            for endpoint in self.registry.endpoints:
                self._engine.pump(endpoint)

    async def _put_metrics(self) -> None:
        warned, put_s = False, self._clock.time()
        while True:
            period_s = self._pace.seconds(self._settings.metrics_period_s)
            await self._clock.sleep(min(_TICK_S, period_s))  # the pace may change at any time
            if self._clock.time() - put_s < period_s:
                continue
            put_s = self._clock.time()
            for role, data in self._measured().items():
                try:
                    await self._metrics.put(role, data)
                except EmulatorError as error:
                    if not warned:
                        _log.warning("%s Further failures are not logged.", error)
                    warned = True

    def _measured(self) -> dict[str, list[MetricDatum]]:
        """Return the period's metrics by execution role; drop those of a deleted endpoint."""
        roles = {one.name: one.deployment.role_arn for one in self.registry.endpoints if one.deployment}
        found: dict[str, list[MetricDatum]] = defaultdict(list)
        endpoints = self.registry.endpoints
        for datum in (
            *endpoint_metrics(endpoints, self._clock.time()),
            *instance_metrics(endpoints),
            *self._metrics_buffer.collect(),
        ):
            if role := roles.get(datum.dimensions["EndpointName"]):
                found[role].append(datum)
        return found

    async def _forward_logs(self) -> None:
        while True:
            await self._clock.sleep(self._settings.logs_period_s)
            await self._logs.forward([*endpoint_logs(self.registry.endpoints), *self._transform_jobs.logs()])


def build(
    settings: EmulatorSettings,
    *,
    faults: FaultHooks | None = None,
    clock: Clock | None = None,
    ids: NewId = new_id,
    pace: Pace | None = None,
    events: EventBus | None = None,
) -> Emulator:
    """Compose an emulator. `start` creates the folders and starts it.

    `faults` are the hooks around each step of an invocation. The default follows the plan that is
    set over HTTP, and none at first. `pace` scales the interval of metrics
    and the start of instances. Events go to `events`, by default by PutEvents.
    """
    clock, pace = clock or SystemClock(), pace or Pace()
    faults = faults or PlannedFaults(clock)
    arns = Arns(settings.region, settings.account_id)
    registry = Registry(arns, clock)
    threads = ThreadPool(settings.transfer_threads)
    clients = RoleClients(settings)
    store, notifier = S3ObjectStore(clients, threads), SnsNotifier(clients, threads)
    metrics_buffer = MetricBuffer()
    spool: Path = settings.state_dir / "spool"
    caller = HttpModelClient(spool, settings.payload_limit_bytes)
    synchronous = SynchronousEngine(
        settings, SynchronousTools(caller, clock, faults, metrics_buffer, ModelRefusals(arns), spool)
    )
    engine = AsyncEngine(settings, EngineTools(store, notifier, caller, clock, faults, metrics_buffer, spool))
    fleets = FleetTools(
        ProcessLauncher(settings),
        caller,
        EcrRegistry(clients, threads) if settings.ask_registry else UncheckedRegistry(),
        ModelArtifacts(store, spool),
        clock,
        settings.state_dir / "models",
    )
    state_events = StateEvents(events or EventBridge(clients, threads), faults, registry.tags, clock, ids)
    runner = TransformRunner(
        settings, TransformTools(store, caller, clock, faults, ids, spool), fleets, state_events, pace
    )
    transform_jobs = TransformJobs(registry.models, registry.tags, runner, arns, clock)
    training = _training(settings, registry, store, arns, clock, pace)
    lifecycle = EndpointLifecycle(settings, LifecycleTools(registry.models, fleets, notifier, clock, engine.pump, pace))
    return Emulator(
        settings,
        registry=registry,
        control=ControlPlane(settings, registry, lifecycle, arns, clock, further=transform_jobs.operations()),
        runtime=Runtime(
            settings, registry.endpoints, engine, synchronous, clock=clock, new_id=ids, spool_dir=spool, faults=faults
        ),
        engine=engine,
        lifecycle=lifecycle,
        transform_jobs=transform_jobs,
        metrics=CloudWatchMetrics(clients, threads),
        logs=EndpointLogs(settings.state_dir / "logs", CloudWatchLogs(clients, threads)),
        metrics_buffer=metrics_buffer,
        clock=clock,
        threads=threads,
        new_id=ids,
        admin=AdminApi(registry.endpoints, registry.auto_ml_jobs, transform_jobs.shown, clock, notifier, faults),
        faults=faults,
        pace=pace,
        training=training,
    )


def _training(
    settings: EmulatorSettings, registry: Registry, store: ObjectStore, arns: Arns, clock: Clock, pace: Pace
) -> LocalTraining:
    training = LocalTraining(
        registry.auto_ml_jobs,
        TrainingFiles(store, settings.state_dir / "spool", settings.region),
        TrainingProcesses(settings),
        image=settings.training_image,
        arns=arns,
        clock=clock,
        pace=pace,
        folder=settings.state_dir / "training",
    )
    if settings.training_command:
        registry.auto_ml_jobs.train_with(training)
    return training
