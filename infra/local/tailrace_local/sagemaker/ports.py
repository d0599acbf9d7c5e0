"""What the engine asks of the world outside; the adapters are `aws`, `containers` and `processes`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.records import Container


@dataclass(frozen=True)
class ModelResponse:
    """A container's answer. Header names are in lower case."""

    status: int
    body: Payload
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it is a 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of success


class ObjectStore(Protocol):
    """Objects, read and written as an execution role. Both raise StorageError and RoleError."""

    async def download(self, role_arn: str, location: str, into: Payload, limit_bytes: int) -> None:
        """Write the object to `into`, with its content type."""
        ...

    async def upload(self, role_arn: str, location: str, body: Payload, kms_key_id: str | None) -> None:
        """Store `body` with its content type."""
        ...


class Notifier(Protocol):
    """Topics, published to as an execution role. Raises NotifyError and RoleError."""

    async def publish(self, role_arn: str, topic_arn: str, message: str) -> None:
        """Publish `message`."""
        ...


@dataclass(frozen=True)
class MetricDatum:
    """A metric's values in a period."""

    name: str
    dimensions: Mapping[str, str]
    values: Sequence[float]
    unit: str
    namespace: str = "AWS/SageMaker"


class MetricSink(Protocol):
    """Takes metrics, as an execution role; raises EmulatorError if it cannot."""

    async def put(self, role_arn: str, data: Sequence[MetricDatum]) -> None:
        """Put `data`, each into its namespace."""
        ...


@dataclass(frozen=True)
class LogStream:
    """Where what a model server writes goes."""

    role_arn: str
    group: str
    name: str


class LogSink(Protocol):
    """Takes logs, as an execution role; raises EmulatorError if it cannot."""

    async def put(self, stream: LogStream, lines: Sequence[str]) -> None:
        """Append `lines`; makes the group and the stream if there are none."""
        ...


class ImageRegistry(Protocol):
    """Where images come from."""

    async def pull(self, role_arn: str, image: str) -> None:
        """Fetch the image as the execution role. Raises StartError."""
        ...


class ModelClient(Protocol):
    """Talks HTTP to a model server."""

    async def ping(self, url: str) -> bool:
        """Whether `GET /ping` answers 200."""
        ...

    async def invoke(self, url: str, headers: Mapping[str, str], body: Payload) -> ModelResponse:
        """`POST /invocations`. The caller closes the answer's body. Raises NoResponseError."""
        ...


class Server(Protocol):
    """A running model server."""

    @property
    def url(self) -> str:
        """Base URL."""
        ...

    def alive(self) -> bool:
        """Whether its process still runs."""
        ...

    def kill(self) -> None:
        """SIGKILL, and do not wait."""
        ...

    async def stop(self) -> None:
        """End it and all its children, within a bound."""
        ...


class Launcher(Protocol):
    """Starts model servers."""

    async def launch(self, name: str, container: Container, model_dir: Path) -> Server:
        """Start one. Raises StartError if the image has no command or the command does not start."""
        ...


class ModelStore(Protocol):
    """Brings model data to a folder."""

    async def fetch(self, role_arn: str, container: Container, folder: Path, timeout_s: float | None) -> Path:
        """Download and unpack the container's model data. Raises StartError."""
        ...
