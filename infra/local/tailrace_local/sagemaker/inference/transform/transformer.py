"""Transforms one object: reads it, sends its mini-batches, stores the whole output or nothing."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tailrace_local.sagemaker.clock import Clock, NewId
from tailrace_local.sagemaker.errors import NoResponseError, RoleError, StorageError
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks, ModelCall
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.inference.serial_pipeline import invoke_pipeline
from tailrace_local.sagemaker.inference.transform.data_processing import DataProcessing, ProcessingError
from tailrace_local.sagemaker.inference.transform.inputs import InputObject
from tailrace_local.sagemaker.inference.transform.jobs import Limits, TransformJob
from tailrace_local.sagemaker.inference.transform.mini_batches import OversizeError, decompressed, split_lines
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelClient, ModelResponse, ObjectStore

_LARGEST_OBJECT = 5 << 40
_SERVER_ERRORS = range(500, 600)
_CLIENT_ERRORS = range(400, 500)


class ObjectFailure(Exception):  # noqa: N818 - becomes a job's reason, is no error of the emulator
    """An object that failed: the side at fault, and the lines for the job's data log."""

    def __init__(self, side: str, *lines: str) -> None:
        super().__init__(side)
        self.side = side
        self.lines = lines


@dataclass(frozen=True)
class TransformTools:
    """The collaborators of transform jobs."""

    store: ObjectStore
    caller: ModelClient
    clock: Clock
    faults: FaultHooks
    new_id: NewId
    spool_dir: Path


class Slots:
    """The requests that a job's instances take at the same time."""

    def __init__(self, instances: list[Instance], concurrent: int) -> None:
        self.count = len(instances) * concurrent
        self._free: asyncio.Queue[Instance] = asyncio.Queue()
        for _ in range(concurrent):
            for instance in instances:
                self._free.put_nowait(instance)

    async def use(self, call: Callable[[Instance], Awaitable[ModelResponse]]) -> ModelResponse:
        """Call with an instance as soon as one has a slot."""
        instance = await self._free.get()
        instance.acquire()
        try:
            return await call(instance)
        finally:
            instance.release()
            self._free.put_nowait(instance)


class ObjectTransformer:
    """Transforms the objects of one job."""

    def __init__(self, job: TransformJob, limits: Limits, slots: Slots, tools: TransformTools) -> None:
        self._job = job
        self._limits = limits
        self._slots = slots
        self._tools = tools
        self._processing = DataProcessing.of(job.request)

    async def transform(self, each: InputObject) -> None:
        """Store the object's output. Raises ObjectFailure, without storing anything."""
        invocation = self._invocation(each)
        try:
            with Payload(self._tools.spool_dir) as body:
                await self._tools.faults.before_download(invocation)
                await self._tools.store.download(self._job.model.role_arn, each.location, body, _LARGEST_OBJECT)
                await self._transform_body(each, invocation, body)
        except (StorageError, RoleError) as error:
            raise ObjectFailure("ClientError", f"ClientError: {error}") from error
        except ProcessingError as error:
            raise ObjectFailure("ClientError", f"ClientError: {error}") from error
        except OversizeError as error:
            raise ObjectFailure("ClientError", "ClientError: 413", "", "Message:", str(error)) from error

    async def _transform_body(self, each: InputObject, invocation: Invocation, body: Payload) -> None:
        source = body
        try:
            if self._job.source.get("CompressionType") == "Gzip":
                source = await asyncio.to_thread(decompressed, body, each.location, self._tools.spool_dir)
            with Payload(self._tools.spool_dir, self._job.output.get("Accept")) as output:
                async with contextlib.aclosing(self._answers(invocation, source)) as answers:
                    async for answer in answers:
                        self._append(output, answer)
                await self._store(each, invocation, output)
        finally:
            if source is not body:
                source.close()

    async def _answers(self, invocation: Invocation, source: Payload) -> AsyncGenerator[ModelResponse, None]:
        """Yield the answers to the mini-batches in their order; some run ahead, one a slot."""
        running: deque[asyncio.Task[ModelResponse]] = deque()
        try:
            for batch in self._batches(source):
                running.append(asyncio.create_task(self._process(invocation, batch)))
                if len(running) >= self._slots.count:
                    yield await running.popleft()
            while running:
                yield await running.popleft()
        finally:
            for task in running:
                task.cancel()
            for outcome in await asyncio.gather(*running, return_exceptions=True):
                if isinstance(outcome, ModelResponse):
                    outcome.body.close()

    def _batches(self, source: Payload) -> Iterator[Payload]:
        if not self._splits:
            if self._limits.payload_bytes and source.size_bytes > self._limits.payload_bytes:
                raise OversizeError(f"the object of {source.size_bytes} bytes exceeds MaxPayloadInMB")
            yield source
            return
        for lines in split_lines(source, self._limits):
            yield self._payload(lines, source.content_type)

    async def _process(self, invocation: Invocation, batch: Payload) -> ModelResponse:
        """Return the answer to a mini-batch, filtered and joined. Raises ObjectFailure."""
        try:
            if self._processing is None:
                return await self._invoke(invocation, batch)
            records = batch.read()
            with self._payload(self._processing.before(records), batch.content_type) as sent:
                answer = await self._invoke(invocation, sent)
            with answer.body as body:
                joined = self._processing.after(records, body.read(), answer.headers.get("content-type"))
            return replace(answer, body=self._payload(joined, body.content_type))
        finally:
            if self._splits:
                batch.close()

    @property
    def _splits(self) -> bool:
        return bool(self._job.source.get("SplitType", "None") != "None")

    def _payload(self, content: bytes, content_type: str | None) -> Payload:
        made = Payload(self._tools.spool_dir, content_type)
        made.write(content)
        return made

    async def _invoke(self, invocation: Invocation, batch: Payload) -> ModelResponse:
        """Return the container's 2xx. Raises ObjectFailure after the last attempt."""
        for attempt in range(self._limits.retries + 1):
            last = attempt == self._limits.retries
            try:
                answer = await self._slots.use(lambda instance: self._call(instance, invocation, batch))
            except (NoResponseError, TimeoutError) as error:
                if last:
                    raise ObjectFailure("AlgorithmError", f"AlgorithmError: {_told(error)}") from error
                continue
            if answer.ok:
                return answer
            with answer.body as body:
                said = body.read().decode(errors="replace")
            if last or answer.status not in _SERVER_ERRORS:
                raise _refused(answer.status, said)
        raise AssertionError("the loop returns or raises")

    async def _call(self, instance: Instance, invocation: Invocation, batch: Payload) -> ModelResponse:
        call = ModelCall(
            batch,
            lambda: invoke_pipeline(self._tools.caller, instance.urls, self._headers, batch),
            instance.kill_servers,
        )
        async with asyncio.timeout(self._limits.timeout_s):
            await instance.wait_for_service()
            return await self._tools.faults.around_model(invocation, call)

    @property
    def _headers(self) -> Mapping[str, str]:
        found = {"Content-Type": self._job.source.get("ContentType"), "Accept": self._job.output.get("Accept")}
        return {name: value for name, value in found.items() if value}

    def _append(self, output: Payload, answer: ModelResponse) -> None:
        with answer.body as body:
            last = b""
            for block in body.blocks():
                output.write(block)
                last = block
        output.content_type = output.content_type or answer.headers.get("content-type")
        if self._job.output.get("AssembleWith") == "Line" and not last.endswith(b"\n"):
            output.write(b"\n")

    async def _store(self, each: InputObject, invocation: Invocation, output: Payload) -> None:
        stored = await self._tools.faults.before_upload(invocation, output)
        try:
            kms_key_id: Any = self._job.output.get("KmsKeyId")
            await self._tools.store.upload(self._job.model.role_arn, each.output_location, stored, kms_key_id)
        finally:
            if stored is not output:
                stored.close()

    def _invocation(self, each: InputObject) -> Invocation:
        now = self._tools.clock.time()
        return Invocation(
            id=self._tools.new_id(),
            inference_id=each.name,
            endpoint_name=self._job.name,
            input_location=each.location,
            received_s=now,
            expires_s=now,
            timeout_s=self._limits.timeout_s,
            output_location=each.output_location,
        )


def _refused(status: int, said: str) -> ObjectFailure:
    side = "ClientError" if status in _CLIENT_ERRORS else "AlgorithmError"
    return ObjectFailure(side, f"{side}: {status}", "", "Message:", *said.splitlines())


def _told(error: Exception) -> str:
    return "the model took longer than InvocationsTimeoutInSeconds" if isinstance(error, TimeoutError) else str(error)
