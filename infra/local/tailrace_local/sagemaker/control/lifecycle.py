"""Creates, updates, scales and deletes endpoints.

Each change is a task that ends InService, Failed or deleted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.registry import Table
from tailrace_local.sagemaker.errors import EmulatorError, NotifyError, RoleError, StartError
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint, EndpointStatus
from tailrace_local.sagemaker.hosting.fleet import Fleet
from tailrace_local.sagemaker.hosting.instances import FleetPlan, FleetTools
from tailrace_local.sagemaker.hosting.serverless import ServerlessFleet, ServerlessPace
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tailrace_local.sagemaker.ports import Notifier
from tailrace_local.sagemaker.records import EndpointConfig, Model, ServerlessSettings, Variant
from tailrace_local.sagemaker.settings import EmulatorSettings

_DRAIN_S = 3600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LifecycleTools:
    """The collaborators.

    `pump` is called when an endpoint has capacity or a new deployment. `pace` is that of serverless
    endpoints.
    """

    models: Table[Model]
    fleets: FleetTools
    notifier: Notifier
    clock: Clock
    pump: Callable[[Endpoint], None]
    pace: Pace


class EndpointLifecycle:
    """Deploys, updates, scales and deletes endpoints."""

    def __init__(self, settings: EmulatorSettings, tools: LifecycleTools) -> None:
        self._settings = settings
        self._tools = tools
        self._leaving: set[asyncio.Task[None]] = set()
        self._draining: set[asyncio.Task[None]] = set()

    def create(self, endpoint: Endpoint, config: EndpointConfig) -> None:
        """Begin to deploy the endpoint, which ends InService or Failed."""
        desired = {variant.name: variant.initial_count for variant in config.variants}
        self._begin(endpoint, EndpointStatus.CREATING, lambda: self._deploy(endpoint, config, desired))

    def update(self, endpoint: Endpoint, config: EndpointConfig, *, keep_counts: bool) -> None:
        """Begin to replace the deployment: the new fleet serves before the old one stops.

        The queue stays.
        """
        old = endpoint.deployment
        kept = old.desired if old and keep_counts else {}
        desired = {variant.name: kept.get(variant.name, variant.initial_count) for variant in config.variants}
        self._begin(endpoint, EndpointStatus.UPDATING, lambda: self._deploy(endpoint, config, desired))

    def scale(self, endpoint: Endpoint, counts: dict[str, int], weights: dict[str, float]) -> None:
        """Begin to change instance counts and weights."""
        self._begin(endpoint, EndpointStatus.UPDATING, lambda: self._scale(endpoint, counts, weights))

    def rescale(self, endpoint: Endpoint, changes: Mapping[str, ServerlessSettings]) -> None:
        """Begin to change the settings of serverless variants."""
        self._begin(endpoint, EndpointStatus.UPDATING, lambda: self._rescale(endpoint, changes))

    def begin_removal(self, endpoint: Endpoint, forget: Callable[[Endpoint], None]) -> None:
        """Begin to delete the endpoint; call `forget` when it has stopped."""
        endpoint.status = EndpointStatus.DELETING
        self._keep(self._remove_and(endpoint, forget))

    async def _remove_and(self, endpoint: Endpoint, forget: Callable[[Endpoint], None]) -> None:
        await self.remove(endpoint)
        forget(endpoint)

    async def remove(self, endpoint: Endpoint) -> None:
        """Stop everything at once. Queued and running requests are lost, without a notification."""
        endpoint.status = EndpointStatus.DELETING
        tasks = [*endpoint.work, *([endpoint.change] if endpoint.change else [])]
        dropped = endpoint.backlog.drop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if dropped:
            _log.warning("%s: deleted with %s requests in its queue; they are gone", endpoint.name, dropped)
        deployment, endpoint.deployment = endpoint.deployment, None
        if deployment:
            await deployment.stop()

    async def close(self) -> None:
        """Stop the fleets that still drain, and wait for the deletions in progress."""
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, *self._leaving, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, None], tasks: "set[asyncio.Task[None]] | None" = None) -> None:
        kept = self._leaving if tasks is None else tasks
        task = asyncio.create_task(work)
        kept.add(task)
        task.add_done_callback(kept.discard)

    def _begin(self, endpoint: Endpoint, status: EndpointStatus, change: Callable[[], Awaitable[None]]) -> None:
        endpoint.status = status
        endpoint.modified_s = self._tools.clock.time()
        endpoint.change = asyncio.create_task(self._finish(endpoint, change), name=f"{status} {endpoint.name}")

    async def _finish(self, endpoint: Endpoint, change: Callable[[], Awaitable[None]]) -> None:
        try:
            await change()
            endpoint.status, endpoint.failure_reason = EndpointStatus.IN_SERVICE, None
        except Exception as error:  # noqa: BLE001 - any error becomes the endpoint's FailureReason
            if not isinstance(error, EmulatorError):
                _log.exception("%s: the change failed", endpoint.name)
            # A failed update is rolled back: the old deployment has never stopped serving.
            endpoint.status = EndpointStatus.IN_SERVICE if endpoint.deployment else EndpointStatus.FAILED
            endpoint.failure_reason = str(error) or type(error).__name__
        endpoint.modified_s = self._tools.clock.time()
        self._tools.pump(endpoint)

    async def _deploy(self, endpoint: Endpoint, config: EndpointConfig, desired: dict[str, int]) -> None:
        new = self._deployment(endpoint, config, desired)
        try:
            await self._test_topics(new)
            for name, fleet in new.fleets.items():
                await fleet.prepare()
                await fleet.scale(desired[name], _DRAIN_S)
        except BaseException:
            await new.stop()
            raise
        old, endpoint.deployment = endpoint.deployment, new
        endpoint.config_name = config.name
        if old:
            self._keep(self._drain(old), self._draining)

    async def _drain(self, old: Deployment) -> None:
        try:
            await old.drain(_DRAIN_S)
        finally:
            await old.stop()

    async def _scale(self, endpoint: Endpoint, counts: dict[str, int], weights: dict[str, float]) -> None:
        deployment = endpoint.deployment
        if deployment is None:
            raise StartError(f"The endpoint {endpoint.name} has nothing deployed to scale.")
        deployment.weights.update(weights)
        before = dict(deployment.desired)
        deployment.desired.update(counts)
        try:
            await self._test_topics(deployment)
            for name, count in counts.items():
                await deployment.fleets[name].scale(count, _DRAIN_S)
        except BaseException:
            deployment.desired.update(before)
            raise

    async def _rescale(self, endpoint: Endpoint, changes: Mapping[str, ServerlessSettings]) -> None:
        deployment = endpoint.deployment
        for name, settings in changes.items():
            fleet = deployment.serverless(name) if deployment else None
            if deployment is None or fleet is None:
                raise StartError(f"The variant {name} of {endpoint.name} is not serverless.")
            fleet.settings = settings
            await fleet.scale(settings.provisioned, _DRAIN_S)
            deployment.desired[name] = settings.provisioned

    async def _test_topics(self, deployment: Deployment) -> None:
        settings = deployment.asynchronous
        for topic in settings.topics if settings else ():
            try:
                await self._tools.notifier.publish(deployment.role_arn, topic, TEST_MESSAGE)
            except (NotifyError, RoleError) as error:
                raise StartError(
                    f"The execution role {deployment.role_arn} could not publish to the topic {topic}. "
                    f"Give it sns:Publish before the endpoint is created: {error}"
                ) from error

    def _deployment(self, endpoint: Endpoint, config: EndpointConfig, desired: dict[str, int]) -> Deployment:
        endpoint.generation += 1
        fleets = {variant.name: self._fleet(endpoint, config, variant) for variant in config.variants}
        weights = {variant.name: variant.weight for variant in config.variants}
        return Deployment(config, fleets, dict(desired), weights)

    def _fleet(self, endpoint: Endpoint, config: EndpointConfig, variant: Variant) -> Fleet:
        plan, tools = self._plan(endpoint, config, variant), self._tools.fleets
        if variant.serverless is None:
            return Fleet(plan, tools, lambda: self._tools.pump(endpoint))
        known = self._settings
        pace = ServerlessPace(
            self._tools.pace, known.serverless_cold_start_s, known.serverless_idle_s, known.serverless_servers
        )
        return ServerlessFleet(plan, tools, lambda: None, variant.serverless, pace)

    def _plan(self, endpoint: Endpoint, config: EndpointConfig, variant: Variant) -> FleetPlan:
        model = self._tools.models.get(variant.model_name)
        settings = config.asynchronous
        asked = settings.max_concurrent if settings else None
        return FleetPlan(
            name=f"{endpoint.name}-{variant.name}-{endpoint.generation}",
            variant=variant.name,
            role_arn=model.role_arn or str(config.request.get("ExecutionRoleArn", "")),
            containers=model.containers,
            slots=1 if variant.serverless else asked or self._settings.default_concurrency,
            startup_timeout_s=variant.startup_timeout_s or self._settings.startup_timeout_s,
            download_timeout_s=variant.download_timeout_s,
            least_outstanding=variant.least_outstanding,
            serverless=variant.serverless is not None,
        )
