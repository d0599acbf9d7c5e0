"""Ports of the emulator; the adapters are in `tailrace_local.sagemaker.adapters`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.records import Container


@dataclass(frozen=True)
class ModelResponse:
    """A container's response.

    Header names are in lower case. `head_bytes` is the size of all headers as they were sent.
    """

    status: int
    body: Payload
    headers: Mapping[str, str] = field(default_factory=dict)
    head_bytes: int = 0

    @property
    def ok(self) -> bool:
        """True if the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of success


class ObjectStore(Protocol):
    """Lists, reads and writes objects as an execution role.

    All methods raise StorageError and RoleError.
    """

    async def list(self, role_arn: str, bucket: str, prefix: str) -> Sequence[str]:
        """Return the keys that begin with `prefix`, in their order."""
        ...

    async def download(self, role_arn: str, location: str, into: Payload, limit_bytes: int) -> None:
        """Write the object and its content type to `into`.

        An object above `limit_bytes` raises StorageError.
        """
        ...

    async def upload(self, role_arn: str, location: str, body: Payload, kms_key_id: str | None) -> None:
        """Store `body` with its content type."""
        ...


class Notifier(Protocol):
    """Publishes to topics as an execution role; raises NotifyError and RoleError."""

    async def publish(self, role_arn: str, topic_arn: str, message: str) -> None:
        """Publish `message`."""
        ...


@dataclass(frozen=True)
class MetricDatum:
    """The values of one metric in one period.

    CloudWatch keeps those of high resolution by the second, others by the minute.
    """

    name: str
    dimensions: Mapping[str, str]
    values: Sequence[float]
    unit: str
    namespace: str = "AWS/SageMaker"
    high_resolution: bool = False


class MetricSink(Protocol):
    """Publishes metrics as an execution role; raises EmulatorError."""

    async def put(self, role_arn: str, data: Sequence[MetricDatum]) -> None:
        """Publish `data`, each in its namespace."""
        ...


@dataclass(frozen=True)
class LogStream:
    """The log stream of a model server."""

    role_arn: str
    group: str
    name: str


class LogSink(Protocol):
    """Stores log lines as an execution role; raises EmulatorError."""

    async def put(self, stream: LogStream, lines: Sequence[str]) -> None:
        """Append `lines`; create the log group and the stream if necessary."""
        ...


@dataclass(frozen=True)
class StateEvent:
    """An event about a resource. `detail` is a JSON object as text."""

    detail_type: str
    resources: Sequence[str]
    detail: str


class EventBus(Protocol):
    """EventBridge's default bus of the account; raises NotifyError."""

    async def put(self, event: StateEvent) -> None:
        """Put an event of the source `aws.sagemaker`."""
        ...


class ImageRegistry(Protocol):
    """Provides container images."""

    async def pull(self, role_arn: str, image: str) -> None:
        """Pull the image as the execution role. Raises StartError."""
        ...


class ModelClient(Protocol):
    """HTTP client of a model server."""

    async def ping(self, url: str) -> bool:
        """True if `GET /ping` answers 200."""
        ...

    async def invoke(self, url: str, headers: Mapping[str, str], body: Payload) -> ModelResponse:
        """Send `POST /invocations`.

        The caller closes the response's body. Raises NoResponseError.
        """
        ...

    async def execution_parameters(self, url: str) -> Mapping[str, Any]:
        """Return the answer to `GET /execution-parameters`; nothing if the server has none."""
        ...


class Server(Protocol):
    """A running model server."""

    @property
    def url(self) -> str:
        """Base URL."""
        ...

    def alive(self) -> bool:
        """True if its process still runs."""
        ...

    def kill(self) -> None:
        """Send SIGKILL, without waiting."""
        ...

    def explain(self) -> str:
        """Return the reasons why it may not answer: its process, its ports, its log."""
        ...

    async def stop(self) -> None:
        """End the server and its children within a bounded time."""
        ...


class Launcher(Protocol):
    """Starts model servers."""

    async def launch(self, name: str, container: Container, model_dir: Path) -> Server:
        """Start a server.

        Raises StartError if the image has no command or the command does not start.
        """
        ...


class Training(Protocol):
    """A process that trains."""

    def alive(self) -> bool:
        """True if it still trains."""
        ...

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what it wrote under a name (`analyzed`, `result`); None if it has not."""
        ...

    def explain(self) -> str:
        """Return how it ended."""
        ...

    def stop(self) -> None:
        """Kill it if it still runs."""
        ...


class TrainingLauncher(Protocol):
    """Starts trainings."""

    def start(self, name: str, job: Mapping[str, Any], folder: Path) -> Training:
        """Start to train a job into `folder`. Raises StartError."""
        ...


class ModelStore(Protocol):
    """Fetches model data."""

    async def fetch(self, role_arn: str, container: Container, folder: Path, timeout_s: float | None) -> Path:
        """Download the container's model data and unpack it in `folder`. Raises StartError."""
        ...
