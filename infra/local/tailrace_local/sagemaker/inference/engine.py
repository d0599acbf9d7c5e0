"""The asynchronous engine: from the queue through the model to the notification."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import NoAnswerError, NotifyError, RoleError, StorageError
from tailrace_local.sagemaker.fault_injection.hooks import Faults, ModelCall
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.hosting.metrics import Measurements
from tailrace_local.sagemaker.inference.series import call_in_series
from tailrace_local.sagemaker.messages import notifications
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import Answer, ModelCaller, Notifier, ObjectStore
from tailrace_local.sagemaker.records import ERROR_TOPIC, SUCCESS_TOPIC, AsyncSettings
from tailrace_local.sagemaker.settings import EmulatorSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineTools:
    """The engine's collaborators."""

    store: ObjectStore
    notifier: Notifier
    caller: ModelCaller
    clock: Clock
    faults: Faults
    measurements: Measurements
    spool_dir: Path


class Failure(Exception):  # noqa: N818 - a step's outcome on its way to the notification, not an error of ours
    """A step that failed: the reason for the notification, the metric, and what the container said."""

    def __init__(self, reason: str, metric: str, error: Payload | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.metric = metric
        self.error = error


@dataclass(frozen=True)
class Errand:
    """An invocation with all that its steps need."""

    invocation: Invocation
    endpoint: Endpoint
    variant: str
    instance: Instance
    role_arn: str
    settings: AsyncSettings


class AsyncEngine:
    """Moves invocations from backlogs to instances. All its state lives on one event loop."""

    def __init__(self, settings: EmulatorSettings, tools: EngineTools) -> None:
        self._settings = settings
        self._tools = tools

    def submit(self, endpoint: Endpoint, invocation: Invocation) -> None:
        """Queue an invocation and start it if there is room."""
        if admitted := self._tools.faults.admit(invocation):
            endpoint.backlog.add(admitted)
            self.pump(endpoint)

    def pump(self, endpoint: Endpoint) -> None:
        """Expire what is too old and start what has room. Called whenever either may have changed."""
        deployment = endpoint.deployment
        if deployment is None or deployment.asynchronous is None:
            return
        for invocation in endpoint.backlog.expire(self._tools.clock.time()):
            self._spawn(endpoint, self._expire(endpoint, deployment, deployment.asynchronous, invocation))
        while (picked := deployment.pick()) and (invocation := endpoint.backlog.take()):  # type: ignore[assignment] # None ends the loop
            variant, instance = picked
            instance.occupy()
            errand = Errand(invocation, endpoint, variant, instance, deployment.role_arn, deployment.asynchronous)
            self._spawn(endpoint, self._work(errand))

    def _spawn(self, endpoint: Endpoint, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        endpoint.work.add(task)
        task.add_done_callback(endpoint.work.discard)

    async def _work(self, errand: Errand) -> None:
        try:
            await self._process(errand)
        except Exception:  # noqa: BLE001 - see below
            # A fault of the emulator's own must not stop the queue; the client sees a lost request.
            _log.exception("%s: invocation %s was lost", errand.endpoint.name, errand.invocation.id)
        finally:
            errand.instance.release()
            errand.endpoint.backlog.done(errand.invocation)
            self.pump(errand.endpoint)

    async def _process(self, errand: Errand) -> None:
        begun = self._tools.clock.time()
        self._took(errand, "TimeInBacklog", begun - errand.invocation.received_s)
        try:
            message = await self._succeed(errand)
            topic = errand.settings.success_topic
        except Failure as failure:
            message = await self._fail(errand, failure)
            topic = errand.settings.error_topic
        self._took(errand, "TotalProcessingTime", self._tools.clock.time() - begun)
        await self._notify(errand, topic, message)

    async def _succeed(self, errand: Errand) -> str:
        with Payload(self._tools.spool_dir) as body:
            await self._download(errand, body)
            answer = await self._invoke(errand, body)
        try:
            if not answer.ok:
                self._count(errand, f"Invocation{answer.status // 100}XXErrors")
                raise Failure(notifications.model_error(answer.status), "InvocationFailures", answer.body)
            return await self._store(errand, answer.body)
        finally:
            if answer.ok:
                answer.body.close()

    async def _store(self, errand: Errand, body: Payload) -> str:
        output = body
        try:
            output = await self._upload(errand, body)
            include = SUCCESS_TOPIC in errand.settings.include_response_in
            return notifications.completed(
                errand.invocation, self._settings.region, self._now(), output, include=include
            )
        finally:
            if output is not body:
                output.close()

    async def _download(self, errand: Errand, body: Payload) -> None:
        begun = self._now()
        invocation = errand.invocation
        try:
            await self._tools.faults.before_download(invocation)
            await self._tools.store.download(
                errand.role_arn, invocation.input_location, body, self._settings.payload_limit_bytes
            )
        except (StorageError, RoleError) as error:
            raise Failure(notifications.download_failed(str(error)), "RequestDownloadFailures") from error
        self._took(errand, "RequestDownloadLatency", self._now() - begun)

    async def _invoke(self, errand: Errand, body: Payload) -> Answer:
        begun = self._now()
        try:
            async with asyncio.timeout(errand.invocation.timeout_s):
                answer = await self._tools.faults.around_model(errand.invocation, self._call(errand, body))
        except TimeoutError:
            raise Failure(notifications.timed_out(), "InvocationFailures") from None
        except NoAnswerError as error:
            _log.warning("%s: %s", errand.endpoint.name, error)
            unheard = (
                notifications.model_error(0) if error.connected else notifications.no_response(errand.endpoint.name)
            )
            raise Failure(unheard, "InvocationFailures") from error
        self._took(errand, "ModelLatency", self._now() - begun)
        return self._with_length(answer)

    def _call(self, errand: Errand, body: Payload) -> ModelCall:
        instance, headers = errand.instance, model_headers(errand.invocation)
        return ModelCall(
            body, lambda: call_in_series(self._tools.caller, instance.urls, headers, body), instance.kill_servers
        )

    def _with_length(self, answer: Answer) -> Answer:
        lacks = "content-length" not in answer.headers and answer.body.size_bytes > 0
        if self._settings.require_content_length and answer.ok and lacks:
            answer.body.close()
            _log.warning("The response from container primary did not specify the required Content-Length header")
            raise Failure(notifications.model_error(0), "InvocationFailures")
        return answer

    async def _upload(self, errand: Errand, body: Payload) -> Payload:
        begun = self._now()
        try:
            output = await self._tools.faults.before_upload(errand.invocation, body)
            location, kms = errand.invocation.output_location, errand.settings.kms_key_id
            await self._tools.store.upload(errand.role_arn, location, output, kms)
        except (StorageError, RoleError) as error:
            raise Failure(notifications.upload_failed(str(error)), "ResponseUploadFailures") from error
        self._took(errand, "ResponseUploadLatency", self._now() - begun)
        return output

    async def _fail(self, errand: Errand, failure: Failure) -> str:
        self._count(errand, failure.metric)
        stored = await self._store_error(errand, failure.error)
        include = ERROR_TOPIC in errand.settings.include_response_in
        try:
            return notifications.failed(
                errand.invocation, self._settings.region, self._now(), failure.reason, error=stored, include=include
            )
        finally:
            if failure.error:
                failure.error.close()

    async def _store_error(self, errand: Errand, error: Payload | None) -> Payload | None:
        location = errand.invocation.failure_location
        if error is None or location is None:
            return error
        try:
            await self._tools.store.upload(errand.role_arn, location, error, errand.settings.kms_key_id)
        except (StorageError, RoleError) as refused:
            _log.warning("%s: the failure object could not be stored: %s", errand.endpoint.name, refused)
            self._count(errand, "ResponseUploadFailures")
            return None
        return error

    async def _notify(self, errand: Errand, topic: str | None, message: str) -> None:
        if topic is None:
            return
        try:
            await self._tools.faults.around_notify(
                errand.invocation, message, lambda text: self._tools.notifier.publish(errand.role_arn, topic, text)
            )
        except (NotifyError, RoleError) as error:
            _log.warning("%s: a notification is lost: %s", errand.endpoint.name, error)
            self._count(errand, "NotificationFailures")

    async def _expire(
        self, endpoint: Endpoint, deployment: Deployment, settings: AsyncSettings, invocation: Invocation
    ) -> None:
        variant = next(iter(deployment.fleets))
        self._tools.measurements.count(endpoint.name, variant, "ExpiredRequests")
        if not self._settings.notify_expired or settings.error_topic is None:
            return
        message = notifications.failed(
            invocation, self._settings.region, self._now(), notifications.expired(), error=None, include=False
        )
        try:
            await self._tools.faults.around_notify(
                invocation,
                message,
                lambda text: self._tools.notifier.publish(deployment.role_arn, str(settings.error_topic), text),
            )
        except (NotifyError, RoleError):
            self._tools.measurements.count(endpoint.name, variant, "NotificationFailures")

    def _now(self) -> float:
        return self._tools.clock.time()

    def _count(self, errand: Errand, name: str) -> None:
        self._tools.measurements.count(errand.endpoint.name, errand.variant, name)

    def _took(self, errand: Errand, name: str, seconds: float) -> None:
        self._tools.measurements.took(errand.endpoint.name, errand.variant, name, seconds)


def model_headers(invocation: Invocation) -> dict[str, str]:
    """What a container gets beside the body."""
    found = {
        "Content-Type": invocation.content_type,
        "Accept": invocation.accept,
        "X-Amzn-SageMaker-Custom-Attributes": invocation.custom_attributes,
        "X-Amzn-SageMaker-Inference-Id": invocation.inference_id,
    }
    return {name: value for name, value in found.items() if value is not None}
