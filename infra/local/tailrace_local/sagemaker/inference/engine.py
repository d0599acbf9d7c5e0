"""The asynchronous engine: takes queued invocations, calls the model, stores and notifies."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import NoResponseError, NotifyError, RoleError, StorageError
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks, ModelCall
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.hosting.metrics import MetricBuffer
from tailrace_local.sagemaker.inference.refusals import faulty_headers
from tailrace_local.sagemaker.inference.serial_pipeline import invoke_pipeline
from tailrace_local.sagemaker.messages import notifications
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelClient, ModelResponse, Notifier, ObjectStore
from tailrace_local.sagemaker.records import ERROR_TOPIC, SUCCESS_TOPIC, AsyncSettings
from tailrace_local.sagemaker.settings import EmulatorSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineTools:
    """The engine's collaborators."""

    store: ObjectStore
    notifier: Notifier
    caller: ModelClient
    clock: Clock
    faults: FaultHooks
    metrics_buffer: MetricBuffer
    spool_dir: Path


class StepFailure(Exception):  # noqa: N818 - becomes a notification, is no error of the emulator
    """A failed step: the notification's reason, the metric, and the container's error body."""

    def __init__(self, reason: str, metric: str, error: Payload | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.metric = metric
        self.error = error


@dataclass(frozen=True)
class InvocationTask:
    """An invocation that runs, and what its steps need."""

    invocation: Invocation
    endpoint: Endpoint
    variant: str
    instance: Instance
    role_arn: str
    settings: AsyncSettings


class AsyncEngine:
    """Moves invocations from backlogs to instances. All state lives on one event loop."""

    def __init__(self, settings: EmulatorSettings, tools: EngineTools) -> None:
        self._settings = settings
        self._tools = tools

    def submit(self, endpoint: Endpoint, invocation: Invocation) -> None:
        """Queue an invocation, and start it if an instance has a free slot."""
        if admitted := self._tools.faults.admit(invocation):
            endpoint.backlog.add(admitted)
            self.pump(endpoint)

    def pump(self, endpoint: Endpoint) -> None:
        """Expire old requests, and start as many as there are free slots.

        Call it when either may have changed.
        """
        deployment = endpoint.deployment
        if deployment is None or deployment.asynchronous is None:
            return
        for invocation in endpoint.backlog.expire(self._tools.clock.time()):
            self._spawn(endpoint, self._expire(endpoint, deployment, deployment.asynchronous, invocation))
        while (picked := deployment.pick()) and (invocation := endpoint.backlog.take()):  # type: ignore[assignment] # None ends the loop
            variant, instance = picked
            instance.acquire()
            task = InvocationTask(invocation, endpoint, variant, instance, deployment.role_arn, deployment.asynchronous)
            self._spawn(endpoint, self._work(task))

    def _spawn(self, endpoint: Endpoint, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        endpoint.work.add(task)
        task.add_done_callback(endpoint.work.discard)

    async def _work(self, task: InvocationTask) -> None:
        try:
            await self._process(task)
        except Exception:  # noqa: BLE001 - see below
            # An error of the emulator must not stop the queue; the client sees a lost request.
            _log.exception("%s: invocation %s was lost", task.endpoint.name, task.invocation.id)
        finally:
            task.instance.release()
            task.endpoint.backlog.done(task.invocation)
            self.pump(task.endpoint)

    async def _process(self, task: InvocationTask) -> None:
        begun = self._tools.clock.time()
        self._record_duration(task, "TimeInBacklog", begun - task.invocation.received_s)
        try:
            message = await self._succeed(task)
            topic = task.settings.success_topic
        except StepFailure as failure:
            message = await self._fail(task, failure)
            topic = task.settings.error_topic
        self._record_duration(task, "TotalProcessingTime", self._tools.clock.time() - begun)
        await self._notify(task, topic, message)

    async def _succeed(self, task: InvocationTask) -> str:
        with Payload(self._tools.spool_dir) as body:
            await self._download(task, body)
            answer = await self._invoke(task, body)
        try:
            if not answer.ok:
                self._count(task, f"Invocation{answer.status // 100}XXErrors")
                raise StepFailure(notifications.model_error(answer.status), "InvocationFailures", answer.body)
            return await self._store(task, answer.body)
        finally:
            if answer.ok:
                answer.body.close()

    async def _store(self, task: InvocationTask, body: Payload) -> str:
        output = body
        try:
            output = await self._upload(task, body)
            include = SUCCESS_TOPIC in task.settings.include_response_in
            return notifications.completed(task.invocation, self._settings.region, self._now(), output, include=include)
        finally:
            if output is not body:
                output.close()

    async def _download(self, task: InvocationTask, body: Payload) -> None:
        begun = self._now()
        invocation = task.invocation
        if invocation.input_location is None:
            body.write(invocation.body or b"")
            return
        try:
            await self._tools.faults.before_download(invocation)
            await self._tools.store.download(
                task.role_arn, invocation.input_location, body, self._settings.payload_limit_bytes
            )
        except (StorageError, RoleError) as error:
            raise StepFailure(notifications.download_failed(str(error)), "RequestDownloadFailures") from error
        self._record_duration(task, "RequestDownloadLatency", self._now() - begun)

    async def _invoke(self, task: InvocationTask, body: Payload) -> ModelResponse:
        begun = self._now()
        try:
            async with asyncio.timeout(task.invocation.timeout_s):
                answer = await self._tools.faults.around_model(task.invocation, self._call(task, body))
        except TimeoutError:
            raise StepFailure(notifications.timed_out(), "InvocationFailures") from None
        except NoResponseError as error:
            _log.warning("%s: %s", task.endpoint.name, error)
            reason = notifications.model_error(0) if error.connected else notifications.no_response(task.endpoint.name)
            raise StepFailure(reason, "InvocationFailures") from error
        self._record_duration(task, "ModelLatency", self._now() - begun)
        self._refuse_headers(answer)
        return answer

    def _call(self, task: InvocationTask, body: Payload) -> ModelCall:
        instance, headers = task.instance, model_headers(task.invocation)
        return ModelCall(
            body, lambda: invoke_pipeline(self._tools.caller, instance.urls, headers, body), instance.kill_servers
        )

    def _refuse_headers(self, answer: ModelResponse) -> None:
        """Refuse a response whose headers lack the length or are too large, as the service does."""
        if said := faulty_headers(answer, self._settings):
            answer.body.close()
            _log.warning("The response from container primary %s", said)
            raise StepFailure(notifications.model_error(0), "InvocationFailures")

    async def _upload(self, task: InvocationTask, body: Payload) -> Payload:
        begun = self._now()
        try:
            output = await self._tools.faults.before_upload(task.invocation, body)
            location, kms = task.invocation.output_location, task.settings.kms_key_id
            await self._tools.store.upload(task.role_arn, location, output, kms)
        except (StorageError, RoleError) as error:
            raise StepFailure(notifications.upload_failed(str(error)), "ResponseUploadFailures") from error
        self._record_duration(task, "ResponseUploadLatency", self._now() - begun)
        return output

    async def _fail(self, task: InvocationTask, failure: StepFailure) -> str:
        self._count(task, failure.metric)
        stored = await self._store_error(task, failure.error)
        include = ERROR_TOPIC in task.settings.include_response_in
        try:
            return notifications.failed(
                task.invocation, self._settings.region, self._now(), failure.reason, error=stored, include=include
            )
        finally:
            if failure.error:
                failure.error.close()

    async def _store_error(self, task: InvocationTask, error: Payload | None) -> Payload | None:
        location = task.invocation.failure_location
        if error is None or location is None:
            return error
        try:
            await self._tools.store.upload(task.role_arn, location, error, task.settings.kms_key_id)
        except (StorageError, RoleError) as refused:
            _log.warning("%s: the failure object could not be stored: %s", task.endpoint.name, refused)
            self._count(task, "ResponseUploadFailures")
            return None
        return error

    async def _notify(self, task: InvocationTask, topic: str | None, message: str) -> None:
        if topic is None:
            return
        try:
            await self._tools.faults.around_notify(
                task.invocation, message, lambda text: self._tools.notifier.publish(task.role_arn, topic, text)
            )
        except (NotifyError, RoleError) as error:
            _log.warning("%s: a notification is lost: %s", task.endpoint.name, error)
            self._count(task, "NotificationFailures")

    async def _expire(
        self, endpoint: Endpoint, deployment: Deployment, settings: AsyncSettings, invocation: Invocation
    ) -> None:
        variant = next(iter(deployment.fleets))
        self._tools.metrics_buffer.count(endpoint.name, variant, "ExpiredRequests")
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
            self._tools.metrics_buffer.count(endpoint.name, variant, "NotificationFailures")

    def _now(self) -> float:
        return self._tools.clock.time()

    def _count(self, task: InvocationTask, name: str) -> None:
        self._tools.metrics_buffer.count(task.endpoint.name, task.variant, name)

    def _record_duration(self, task: InvocationTask, name: str, seconds: float) -> None:
        self._tools.metrics_buffer.record_duration(task.endpoint.name, task.variant, name, seconds)


def model_headers(invocation: Invocation) -> dict[str, str]:
    """Return the headers of the container's request."""
    found = {
        "Content-Type": invocation.content_type,
        "Accept": invocation.accept,
        "X-Amzn-SageMaker-Custom-Attributes": invocation.custom_attributes,
        "X-Amzn-SageMaker-Inference-Id": invocation.inference_id,
    }
    return {name: value for name, value in found.items() if value is not None}
