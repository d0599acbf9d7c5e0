"""Fakes of the engine's ports."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tailrace_local.sagemaker.errors import NotifyError, StorageError
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelResponse
from tailrace_local.sagemaker.records import Container


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class FakeStore:
    objects: dict[str, bytes] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    refuse_uploads: bool = False

    async def list(self, role_arn: str, bucket: str, prefix: str) -> Sequence[str]:
        self.roles.add(role_arn)
        start = f"s3://{bucket}/"
        return sorted(key.removeprefix(start) for key in self.objects if key.startswith(start + prefix))

    async def download(self, role_arn: str, location: str, into: Payload, limit_bytes: int) -> None:
        self.roles.add(role_arn)
        if location not in self.objects or len(self.objects[location]) > limit_bytes:
            raise StorageError(f"{location}: NoSuchKey")
        into.write(self.objects[location])

    async def upload(self, role_arn: str, location: str, body: Payload, kms_key_id: str | None) -> None:
        self.roles.add(role_arn)
        if self.refuse_uploads:
            raise StorageError(f"{location}: AccessDenied {kms_key_id}")
        self.objects[location] = body.read()


@dataclass
class FakeNotifier:
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    refuse: bool = False

    async def publish(self, role_arn: str, topic_arn: str, message: str) -> None:
        if self.refuse:
            raise NotifyError(f"{topic_arn}: AuthorizationError")
        self.sent.append((role_arn, topic_arn, message))


class FakeCaller:
    """Answers what `answer` makes of url, headers and body; counts how many run at once."""

    def __init__(self, answer: Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]) -> None:
        self._answer = answer
        self.running = 0
        self.most = 0
        self.advised: dict[str, Any] = {}

    async def ping(self, url: str) -> bool:
        return bool(url)

    async def execution_parameters(self, url: str) -> Mapping[str, Any]:
        return self.advised if url else {}

    async def invoke(self, url: str, headers: Mapping[str, str], body: Payload) -> ModelResponse:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            status, text = await self._answer(url, headers, body.read())
        finally:
            self.running -= 1
        made = Payload(content_type="text/csv")
        made.write(text)
        return ModelResponse(status, made, {"content-length": str(len(text)), "content-type": "text/csv"})


@dataclass
class FakeServer:
    url: str
    running: bool = True

    def alive(self) -> bool:
        return self.running

    def explain(self) -> str:
        return "It is a fake."

    def kill(self) -> None:
        self.running = False

    async def stop(self) -> None:
        self.running = False


class FakeLauncher:
    def __init__(self) -> None:
        self.servers: list[FakeServer] = []

    async def launch(self, name: str, container: Container, model_dir: Path) -> FakeServer:  # noqa: ARG002 - the port's
        self.servers.append(FakeServer(f"http://{name}"))
        return self.servers[-1]


class FakeModels:
    async def fetch(self, role_arn: str, container: Container, folder: Path, timeout_s: float | None) -> Path:  # noqa: ARG002 - the port's
        return folder
