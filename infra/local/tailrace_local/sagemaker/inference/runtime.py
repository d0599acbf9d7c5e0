"""The runtime API: InvokeEndpointAsync and InvokeEndpoint."""

from pathlib import Path

from tailrace_local.emulator_base.asgi import Receive
from tailrace_local.sagemaker.asgi import AbortedResponse, Response, read_body
from tailrace_local.sagemaker.clock import Clock, NewId
from tailrace_local.sagemaker.control.registry import Table
from tailrace_local.sagemaker.errors import runtime_validation
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.inference.engine import AsyncEngine
from tailrace_local.sagemaker.inference.synchronous import SynchronousEngine
from tailrace_local.sagemaker.messages.invocations import read_invocation, read_synchronous
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.settings import EmulatorSettings

_INLINE_BYTES = 128_000


class Runtime:
    """Answers InvokeEndpointAsync and InvokeEndpoint."""

    def __init__(
        self,
        settings: EmulatorSettings,
        endpoints: Table[Endpoint],
        engine: AsyncEngine,
        synchronous: SynchronousEngine,
        *,
        clock: Clock,
        new_id: NewId,
        spool_dir: Path,
        faults: FaultHooks,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._engine = engine
        self._synchronous = synchronous
        self._clock = clock
        self._new_id = new_id
        self._spool_dir = spool_dir
        self._faults = faults

    async def invoke_async(self, name: str, headers: dict[str, str], receive: Receive) -> Response:
        """Queue a request; answer 202 with the locations of the result. Raises ApiError."""
        with Payload(self._spool_dir) as body:
            await read_body(receive, body, _INLINE_BYTES)
            inline = body.read()
        endpoint, deployment = self._deployed(name)
        if deployment.asynchronous is None:
            raise runtime_validation(
                f"Endpoint {name} is not an asynchronous endpoint: it has no AsyncInferenceConfig."
            )
        invocation = read_invocation(
            name,
            headers,
            deployment.asynchronous,
            body=inline,
            new_id=self._new_id,
            now_s=self._clock.time(),
            time_scale=self._settings.time_scale,
        )
        self._faults.before_acceptance(invocation)
        self._engine.submit(endpoint, invocation)
        if not self._faults.answers(invocation):
            return AbortedResponse(202)
        located = {"X-Amzn-SageMaker-OutputLocation": invocation.output_location}
        if invocation.failure_location:
            located["X-Amzn-SageMaker-FailureLocation"] = invocation.failure_location
        return Response.json({"InferenceId": invocation.inference_id}, status=202, headers=located)

    async def invoke(self, name: str, headers: dict[str, str], receive: Receive) -> Response:
        """Answer as the container does. Raises ApiError, ModelError for a status other than 2xx."""
        endpoint, deployment = self._deployed(name)
        if deployment.asynchronous is not None:
            raise runtime_validation(
                f"Endpoint {name} of account {self._settings.account_id} is an asynchronous endpoint: "
                "call InvokeEndpointAsync."
            )
        invocation = read_synchronous(
            name,
            headers,
            new_id=self._new_id,
            now_s=self._clock.time(),
            timeout_s=self._settings.realtime_timeout_s * self._settings.time_scale,
        )
        self._faults.before_acceptance(invocation)
        return await self._synchronous.answer(endpoint, deployment, invocation, headers, receive)

    def _deployed(self, name: str) -> tuple[Endpoint, Deployment]:
        endpoint = self._endpoints.find(name)
        if endpoint is None or endpoint.deployment is None:
            raise runtime_validation(f"Endpoint {name} of account {self._settings.account_id} not found.")
        return endpoint, endpoint.deployment
