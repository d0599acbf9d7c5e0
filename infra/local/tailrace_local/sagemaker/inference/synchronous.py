"""The synchronous engine: passes InvokeEndpoint's requests to an instance and measures them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.emulator_base.asgi import Receive
from tailrace_local.sagemaker.asgi import AbortedResponse, Response, read_body
from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import ApiError, NoResponseError, StorageError, runtime_validation
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks, ModelCall
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.hosting.metrics import MetricBuffer
from tailrace_local.sagemaker.hosting.serverless import Execution, ServerlessFleet
from tailrace_local.sagemaker.inference.refusals import ModelRefusals, faulty_headers
from tailrace_local.sagemaker.inference.serial_pipeline import invoke_pipeline
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelClient, ModelResponse
from tailrace_local.sagemaker.settings import EmulatorSettings

TOO_LARGE = 413
SUCCESS = 2
_PREFIX = "x-amzn-sagemaker-"


@dataclass(frozen=True)
class SynchronousTools:
    """The engine's collaborators."""

    caller: ModelClient
    clock: Clock
    faults: FaultHooks
    metrics_buffer: MetricBuffer
    refusals: ModelRefusals
    spool_dir: Path


@dataclass(frozen=True)
class Route:
    """The instance that answers, and its variant.

    Attributes:
        instances: how many instances the variant has in service; None if it is serverless.
        execution: what a serverless variant admitted.
        fleet: the fleet of a serverless variant.
    """

    variant: str
    instance: Instance
    instances: int | None = None
    execution: Execution | None = None
    fleet: ServerlessFleet | None = None


class SynchronousEngine:
    """Calls the model while the caller waits. All state lives on one event loop."""

    def __init__(self, settings: EmulatorSettings, tools: SynchronousTools) -> None:
        self._settings = settings
        self._tools = tools

    async def answer(
        self,
        endpoint: Endpoint,
        deployment: Deployment,
        invocation: Invocation,
        headers: Mapping[str, str],
        receive: Receive,
    ) -> Response:
        """Read the body and return the container's answer.

        Raises ApiError, ModelError for an answer that is not 2xx.
        """
        limit_bytes = self._limit_of(deployment)
        with Payload(self._tools.spool_dir, invocation.content_type) as body:
            await self._read(receive, body, limit_bytes)
            async with self._routed(endpoint, deployment, invocation.target_variant) as route:
                try:
                    answer = await self._measured(route, invocation, headers, body)
                except NoResponseError as error:
                    raise self._tools.refusals.refusal(endpoint.name, 0, "") from error
                except TimeoutError as error:
                    raise self._tools.refusals.timed_out(endpoint.name) from error
        return await self._respond(endpoint, route.variant, invocation, answer, limit_bytes)

    def _limit_of(self, deployment: Deployment) -> int:
        serverless = deployment.config.serverless
        return self._settings.serverless_limit_bytes if serverless else self._settings.realtime_limit_bytes

    async def _read(self, receive: Receive, body: Payload, limit_bytes: int) -> None:
        try:
            await read_body(receive, body, limit_bytes)
        except ApiError as error:
            if error.status != TOO_LARGE:
                raise
            raise ApiError("413", f"HTTP content length exceeded {limit_bytes} bytes.", TOO_LARGE) from None

    @asynccontextmanager
    async def _routed(self, endpoint: Endpoint, deployment: Deployment, wanted: str | None) -> AsyncIterator[Route]:
        if wanted and wanted not in deployment.fleets:
            raise runtime_validation(f"Variant {wanted} was not found for endpoint {endpoint.name}.")
        first = next(iter(deployment.fleets))
        if fleet := deployment.serverless(first):
            async with fleet.execution() as execution:
                yield Route(first, execution.instance, execution=execution, fleet=fleet)
            return
        routed = deployment.route(wanted)
        if routed is None:
            raise ApiError("ServiceUnavailable", f"Endpoint {endpoint.name} has no instance in service.", 503)
        variant, instance = routed
        instance.acquire()
        try:
            yield Route(variant, instance, deployment.fleets[variant].ready_count)
        finally:
            instance.release()

    async def _measured(
        self, route: Route, invocation: Invocation, headers: Mapping[str, str], body: Payload
    ) -> ModelResponse:
        """Call the model, and publish the metrics of a request whatever becomes of it."""
        begun, status = self._tools.clock.time(), 0
        self._count_admission(route, invocation)
        try:
            async with asyncio.timeout(invocation.timeout_s):
                answer = await self._tools.faults.around_model(invocation, self._call(route, headers, body))
            status = answer.status
            return answer
        finally:
            metrics, name, variant = self._tools.metrics_buffer, invocation.endpoint_name, route.variant
            metrics.record_duration(name, variant, "ModelLatency", self._tools.clock.time() - begun)
            metrics.record_duration(name, variant, "OverheadLatency", begun - invocation.received_s)
            for hundreds in (4, 5):
                metrics.count(name, variant, f"Invocation{hundreds}XXErrors", float(status // 100 == hundreds))
            if route.fleet is None:
                metrics.count(name, variant, "InvocationModelErrors", float(status // 100 != SUCCESS))

    def _count_admission(self, route: Route, invocation: Invocation) -> None:
        metrics, name, variant = self._tools.metrics_buffer, invocation.endpoint_name, route.variant
        metrics.count(name, variant, "Invocations")
        if route.instances is not None:
            metrics.count(name, variant, "InvocationsPerInstance", 1 / max(1, route.instances))
        if route.execution is None or route.fleet is None:
            return
        execution, settings = route.execution, route.fleet.settings
        if execution.setup_s is not None:
            metrics.record_duration(name, variant, "ModelSetupTime", execution.setup_s)
        share = execution.concurrent / settings.max_concurrency
        metrics.count(name, variant, "ServerlessConcurrentExecutionsUtilization", share)
        if provisioned := settings.provisioned:
            within = min(execution.concurrent, provisioned)
            spilled = "Spillover" if execution.concurrent > provisioned else ""
            metrics.count(name, variant, "ServerlessProvisionedConcurrencyExecutions", float(within))
            metrics.count(name, variant, "ServerlessProvisionedConcurrencyUtilization", within / provisioned)
            metrics.count(name, variant, f"ServerlessProvisionedConcurrency{spilled}Invocations")

    def _call(self, route: Route, headers: Mapping[str, str], body: Payload) -> ModelCall:
        instance, passed = route.instance, _passed_on(headers)
        return ModelCall(
            body, lambda: invoke_pipeline(self._tools.caller, instance.urls, passed, body), instance.kill_servers
        )

    async def _respond(
        self, endpoint: Endpoint, variant: str, invocation: Invocation, answer: ModelResponse, limit_bytes: int
    ) -> Response:
        if not answer.ok:
            raise self._tools.refusals.of_model(endpoint.name, answer)
        if faulty_headers(answer, self._settings):
            answer.body.close()
            raise self._tools.refusals.refusal(endpoint.name, 0, "")
        if answer.body.size_bytes > limit_bytes:
            answer.body.close()
            raise self._tools.refusals.too_large(endpoint.name, limit_bytes)
        body = await self._spoiled(endpoint, invocation, answer.body)
        found = {"x-Amzn-Invoked-Production-Variant": variant}
        for header in ("content-type", f"{_PREFIX}custom-attributes"):
            if header in answer.headers:
                found[header] = answer.headers[header]
        if not self._tools.faults.answers(invocation):
            return AbortedResponse(200, found, body)
        return Response(200, found, body)

    async def _spoiled(self, endpoint: Endpoint, invocation: Invocation, body: Payload) -> Payload:
        try:
            spoiled = await self._tools.faults.before_upload(invocation, body)
        except StorageError as error:
            body.close()
            raise self._tools.refusals.refusal(endpoint.name, 0, str(error)) from error
        if spoiled is not body:
            body.close()
        return spoiled


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    names = {
        "content-type": "Content-Type",
        "accept": "Accept",
        f"{_PREFIX}custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
        f"{_PREFIX}inference-id": "X-Amzn-SageMaker-Inference-Id",
    }
    return {shown: headers[name] for name, shown in names.items() if name in headers}
