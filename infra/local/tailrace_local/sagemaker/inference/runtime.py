"""The runtime API: InvokeEndpointAsync and InvokeEndpoint."""

import asyncio
from pathlib import Path

from tailrace_local.emulator_base.asgi import Receive
from tailrace_local.sagemaker.asgi import AbortedResponse, Response, read_body
from tailrace_local.sagemaker.clock import Clock, NewId
from tailrace_local.sagemaker.control.registry import Table
from tailrace_local.sagemaker.errors import ApiError, ModelError, NoResponseError, runtime_validation
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.inference.engine import AsyncEngine
from tailrace_local.sagemaker.inference.serial_pipeline import invoke_pipeline
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.messages.invocations import read_invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelClient, ModelResponse
from tailrace_local.sagemaker.settings import EmulatorSettings

_TIMEOUT_S = 60.0
_LIMIT_BYTES = 6 << 20
_INLINE_BYTES = 128_000
_PREFIX = "x-amzn-sagemaker-"
_CLIENT_ERRORS = range(400, 500)


class Runtime:
    """Answers InvokeEndpointAsync and InvokeEndpoint."""

    def __init__(
        self,
        settings: EmulatorSettings,
        endpoints: Table[Endpoint],
        engine: AsyncEngine,
        caller: ModelClient,
        arns: Arns,
        *,
        clock: Clock,
        new_id: NewId,
        spool_dir: Path,
        faults: FaultHooks,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._engine = engine
        self._caller = caller
        self._arns = arns
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
        """The container's answer. Raises ApiError, ModelError for one that is not 2xx."""
        _, deployment = self._deployed(name)
        if deployment.asynchronous is not None:
            raise runtime_validation(
                f"Endpoint {name} of account {self._settings.account_id} is an asynchronous endpoint: "
                "call InvokeEndpointAsync."
            )
        with Payload(self._spool_dir) as body:
            await read_body(receive, body, _LIMIT_BYTES)
            variant, answer = await self._call(name, deployment, headers, body)
        if not answer.ok:
            raise self._model_error(name, answer)
        found = {"x-Amzn-Invoked-Production-Variant": variant}
        for header in ("content-type", f"{_PREFIX}custom-attributes"):
            if header in answer.headers:
                found[header] = answer.headers[header]
        return Response(200, found, answer.body)

    async def _call(
        self, name: str, deployment: Deployment, headers: dict[str, str], body: Payload
    ) -> tuple[str, ModelResponse]:
        wanted = headers.get(f"{_PREFIX}target-variant")
        if wanted and wanted not in deployment.fleets:
            raise runtime_validation(f"Variant {wanted} was not found for endpoint {name}.")
        fleet = deployment.fleets.get(wanted or "")
        instance = fleet.pick() if fleet else None
        picked = (wanted, instance) if wanted and instance else deployment.pick()
        if picked is None:
            raise ApiError("ServiceUnavailable", f"Endpoint {name} has no instance in service.", 503)
        variant, instance = picked
        instance.acquire()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return variant, await invoke_pipeline(self._caller, instance.urls, _passed_on(headers), body)
        except (TimeoutError, NoResponseError) as error:
            raise self._unanswered(name, timed_out=isinstance(error, TimeoutError)) from error
        finally:
            instance.release()

    def _deployed(self, name: str) -> tuple[Endpoint, Deployment]:
        endpoint = self._endpoints.find(name)
        if endpoint is None or endpoint.deployment is None:
            raise runtime_validation(f"Endpoint {name} of account {self._settings.account_id} not found.")
        return endpoint, endpoint.deployment

    def _unanswered(self, name: str, *, timed_out: bool) -> ModelError:
        said = (
            "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
            "for each container in Amazon CloudWatch, resolve the issue, and try again."
            if timed_out
            else ""
        )
        return self._refusal(name, 0, said)

    def _model_error(self, name: str, answer: ModelResponse) -> ModelError:
        with answer.body as body:
            return self._refusal(name, answer.status, body.read().decode(errors="replace"))

    def _refusal(self, name: str, status: int, said: str) -> ModelError:
        side = "client" if status in _CLIENT_ERRORS else "server"
        group = self._arns.log_stream_group(name)
        message = (
            f'Received {side} error ({status}) from primary with message "{said}". '
            f"See the log group /aws/sagemaker/Endpoints/{name} for more information."
        )
        return ModelError(message, status, said, group)


def _passed_on(headers: dict[str, str]) -> dict[str, str]:
    names = {
        "content-type": "Content-Type",
        "accept": "Accept",
        f"{_PREFIX}custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
        f"{_PREFIX}inference-id": "X-Amzn-SageMaker-Inference-Id",
    }
    return {shown: headers[name] for name, shown in names.items() if name in headers}
