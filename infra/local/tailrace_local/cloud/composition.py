"""The composition root: every part of the cloud, and how they are connected."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tailrace_local.cloud.event_sources.mapped_function import MappedFunction
from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.event_sources.permissions import EventSourcePermissions
from tailrace_local.cloud.event_sources.poller import Poller
from tailrace_local.cloud.event_sources.role_queue import RoleQueue
from tailrace_local.cloud.event_sources.supervisor import PollerSupervisor
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
from tailrace_local.cloud.iam.deployment_actions import DeploymentActions
from tailrace_local.cloud.iam.enforcement import EnforcedService
from tailrace_local.cloud.iam.kms_permissions import EncryptionKeys
from tailrace_local.cloud.ministack.cloudformation.callers import DeployAsCaller
from tailrace_local.cloud.ministack.cloudformation.conditions import join_in_conditions
from tailrace_local.cloud.ministack.cloudformation.encryption_keys import record_keys
from tailrace_local.cloud.ministack.cloudformation.nested_stacks import NestedStacks
from tailrace_local.cloud.ministack.cloudformation.resource_types import ResourceTypes
from tailrace_local.cloud.ministack.cloudformation.role_policies import ROLE_POLICY, RolePolicies
from tailrace_local.cloud.ministack.cloudformation.stacks import MiniStackStacks
from tailrace_local.cloud.ministack.cloudformation.stub_types import StubResources
from tailrace_local.cloud.ministack.dynamodb import FasterDynamoDb
from tailrace_local.cloud.ministack.environment import load_application
from tailrace_local.cloud.ministack.event_source_mappings import MiniStackMappings
from tailrace_local.cloud.ministack.events import MiniStackEvents
from tailrace_local.cloud.ministack.functions import MiniStackFunctions
from tailrace_local.cloud.ministack.iam_corrections import (
    correct_actions,
    correct_condition_keys,
    correct_resources,
    let_account_assume_roles_of,
    log_decisions,
    match_line_breaks,
    require_keys,
    verify_account_keys,
)
from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.ministack.s3.events import name_versions
from tailrace_local.cloud.ministack.s3.multipart import enforce_rules_of_uploads
from tailrace_local.cloud.ministack.s3.not_found import HideMissingObjects
from tailrace_local.cloud.ministack.s3.versions import read_ranges_of_versions
from tailrace_local.cloud.ministack.schedules import check_schedules_every, fire_rates_at_once, fire_schedules_with
from tailrace_local.cloud.ministack.step_functions.distributed_maps import DistributedMaps
from tailrace_local.cloud.ministack.step_functions.errors import ErrorRules
from tailrace_local.cloud.ministack.step_functions.executions import Executions
from tailrace_local.cloud.ministack.step_functions.tasks import LambdaTasks
from tailrace_local.cloud.monitoring import Monitor
from tailrace_local.cloud.pace_api import PaceApi
from tailrace_local.cloud.roles.clients import RoleClients
from tailrace_local.cloud.roles.credentials import RoleCredentials
from tailrace_local.cloud.schedules import ScheduledTargets
from tailrace_local.cloud.services import CombinedService, Emulator, NullEmulator, Service
from tailrace_local.cloud.serving.router import Router
from tailrace_local.cloud.settings import CloudSettings, Image
from tailrace_local.cloud.state_machines import StateMachineRoles
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.state_directory import CloudAddress, StateDirectory

_SCHEDULES_EVERY_S = 1.0


class Cloud:
    """Everything that runs in this process. Set MiniStack's environment before making one."""

    def __init__(self, settings: CloudSettings, listening: CloudAddress) -> None:
        self._settings = settings
        self._endpoint_url = endpoint_url = listening.endpoint_url
        self._state = StateDirectory(Path(settings.state_dir))
        self._ministack = load_application()
        self._iam = MiniStackIam()
        self._stacks = MiniStackStacks()
        self._types = ResourceTypes()
        self._functions = MiniStackFunctions()
        self._mappings = MiniStackMappings(self._functions)
        self._credentials = RoleCredentials(self._iam)
        self._clients = RoleClients(self._credentials, endpoint_url)
        self._keys = EncryptionKeys(region=settings.region, account_id=settings.account_id)
        self._permissions = FunctionPermissions(self._iam, self._credentials, self._keys)
        self._artifacts = ArtifactStore(self._state.root / "artifacts")
        self._environment = WorkerEnvironment(endpoint_url, listening.ca_bundle, self._state.temporary)
        self._fleet = Fleet(self._start_worker, FunctionLogs(self._clients))
        self._faults = FaultController(self._state.root / "faults", self._fleet.renew)
        self._stubs = StubResources()
        self._pace = Pace(settings.time_scale)
        self._monitor = Monitor(
            region=settings.region,
            account_id=settings.account_id,
            secret_access_key=settings.secret_access_key,
            endpoint_url=endpoint_url,
            pace=self._pace,
        )
        self._emulator = _sagemaker(settings, endpoint_url, self._state.root, self._pace)
        self._supervisor = PollerSupervisor(self._mappings, self._make_poller)
        self._install()

    @property
    def app(self) -> Router:
        """The ASGI application that the server serves."""
        aws = self._ministack
        if self._settings.enforce_iam:
            aws = HideMissingObjects(aws, self._iam)
        return Router(aws, FaultApi(self._faults, self._services()), self.status)

    async def start(self) -> None:
        """Start the emulator, the pollers and the monitor. The port has to answer already."""
        await self._emulator.start()
        self._supervisor.start()
        self._monitor.start()

    async def stop(self) -> None:
        """Stop monitor, pollers, functions and model servers, in that order."""
        await asyncio.to_thread(self._monitor.stop)
        self._supervisor.stop()
        await asyncio.to_thread(self._fleet.close)
        await self._emulator.stop()

    def status(self) -> dict[str, Any]:
        """Return the contents of `tailrace local status`."""
        # First, because it enters the account and region whose stacks are listed.
        watched = self._monitor.status()
        return {
            "stacks": [{"name": name, "status": status} for name, status in self._stacks.statuses().items()],
            "queues": watched.pop("queues"),
            "functions": self._fleet.listed(),
            "mappings": self._supervisor.listed(),
            "declared": self._stubs.listed(),
            **watched,
        }

    def _services(self) -> Service:
        services = CombinedService(PaceApi(self._pace), self._monitor.scaling, self._emulator)
        if not self._settings.enforce_iam:
            return services
        region, account_id = self._settings.region, self._settings.account_id
        return EnforcedService(services, self._iam, region=region, account_id=account_id)

    def _install(self) -> None:
        self._functions.execute_with(self._monitor.metered(self._fleet.execute))
        self._functions.write_no_logs()
        self._functions.keep_dead_letter_queues(self._types)
        FasterDynamoDb().install()
        self._mappings.stop_polling_queues()
        check_schedules_every(_SCHEDULES_EVERY_S)
        fire_rates_at_once()
        fire_schedules_with(ScheduledTargets(self._clients).fire)
        self._correct_s3()
        self._correct_step_functions()
        self._correct_iam()
        self._monitor.install()
        self._types.add(
            {
                **self._emulator.cloudformation_handlers(),
                **self._monitor.cloudformation_handlers(),
                ROLE_POLICY: RolePolicies(self._types).handlers(),
            }
        )
        join_in_conditions()
        NestedStacks(self._stacks).install(self._types)
        self._stubs.install(self._types)

    def _correct_s3(self) -> None:
        read_ranges_of_versions()
        enforce_rules_of_uploads()
        name_versions()

    def _correct_step_functions(self) -> None:
        region, enforced = self._settings.region, self._settings.enforce_iam
        roles = StateMachineRoles(self._iam, self._credentials, self._clients, region=region, enforced=enforced)
        Executions().install()
        ErrorRules(random.random).install()
        LambdaTasks(roles).install()
        DistributedMaps(roles).install()

    def _correct_iam(self) -> None:
        correct_condition_keys(tls=self._settings.tls)
        match_line_breaks()
        correct_actions()
        correct_resources()
        let_account_assume_roles_of("sagemaker.amazonaws.com")
        if self._settings.enforce_iam:
            verify_account_keys()
            log_decisions(AccessLog(self._state.root / FILE))
            record_keys(self._types, self._keys)
            require_keys(self._keys)
            region, account_id = self._settings.region, self._settings.account_id
            actions = DeploymentActions(region=region, account_id=account_id)
            DeployAsCaller(self._iam, actions, region=region).install()
            self._functions.guard_dead_letters(self._permissions.may_send)
            self._mappings.guard(self._types, EventSourcePermissions(self._iam, self._credentials).refusal)

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
        function = MappedFunction(self._functions, self._mappings, mapping)
        return Poller(current, RoleQueue(mapping, function, self._clients, self._endpoint_url), function)


def _sagemaker(settings: CloudSettings, endpoint_url: str, state_dir: Path, pace: Pace) -> Emulator:
    if not settings.sagemaker:
        return NullEmulator()
    # Imported here because it uses boto3, which must find MiniStack's environment set.
    sagemaker: Any = importlib.import_module("tailrace_local.sagemaker")

    def command(image: Image) -> Any:
        return sagemaker.ImageCommand(image.argv, image.environment, image.cwd and Path(image.cwd))

    emulator: Emulator = sagemaker.build(
        sagemaker.EmulatorSettings(
            region=settings.region,
            account_id=settings.account_id,
            aws_endpoint_url=endpoint_url,
            secret_access_key=settings.secret_access_key,
            state_dir=state_dir,
            images={name: command(image) for name, image in settings.images.items()},
            training_command=command(settings.trainer) if settings.trainer else None,
            training_image=settings.training_image,
            # Slow where there is no ECR, and of no use where everything is allowed.
            ask_registry=settings.enforce_iam,
            allow_serial_pipelines=settings.allow_serial_pipelines,
        ),
        pace=pace,
        events=MiniStackEvents(region=settings.region, account_id=settings.account_id),
    )
    return emulator
