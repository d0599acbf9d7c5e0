"""Model servers as processes in recorded groups.

The next start ends those that a crash left behind.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from tailrace_local.processes import ProcessGroup, ProcessRecord
from tailrace_local.sagemaker.errors import StartError
from tailrace_local.sagemaker.records import Container
from tailrace_local.sagemaker.settings import EmulatorSettings

MODEL_SERVER = "model-server"
TRAINER = "training"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "AWS_CA_BUNDLE")
_POLL_S = 0.02
_AFTER_KILL_S = 5.0
_TAIL_LINES = 8
_TAIL_BYTES = 4096


def kill_leftovers(records: Path) -> None:
    """Kill what a crashed emulator left in `records`, and remove the records."""
    for path in records.glob("*.json"):
        record = ProcessRecord.read(path)
        if record is None or record.what not in {MODEL_SERVER, TRAINER}:
            continue
        if record.members():
            record.signal(signal.SIGKILL)
        path.unlink(missing_ok=True)


class ModelProcess:
    """A running model server."""

    def __init__(self, group: ProcessGroup, url: str, port: socket.socket, log: Path, stop_timeout_s: float) -> None:
        self._group = group
        self._port = port
        self._log = log
        self._stop_timeout_s = stop_timeout_s
        self.url = url

    def alive(self) -> bool:
        """True if its process still runs."""
        return self._group.running

    def kill(self) -> None:
        """Send SIGKILL to the group, without waiting."""
        if self.alive():
            self._group.signal(signal.SIGKILL)

    def explain(self) -> str:
        """Return how the process is, on which ports it listens, and the end of its log."""
        return f"Locally: {self._condition()}. The end of logs/{self._log.name}: {self._last_lines()}"

    def _condition(self) -> str:
        if not self.alive():
            return f"the process ended with status {self._group.child.poll()}"
        port = int(self.url.rpartition(":")[2])
        ports = sorted(_listening_ports(self._group.record))
        if port in ports:
            return f"the process listens on port {port} and does not answer GET /ping with 200"
        named = f"port {port}, which SAGEMAKER_BIND_TO_PORT names"
        if ports:
            return f"the process listens on port {', '.join(map(str, ports))} and not on {named}"
        return f"the process runs and does not listen on {named}"

    def _last_lines(self) -> str:
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-_TAIL_LINES:] if line.strip()) or "it is empty."

    async def stop(self) -> None:
        """Send SIGTERM to the group, then SIGKILL to the rest of it after the timeout."""
        self._group.signal(signal.SIGTERM)
        await self._wait(self._stop_timeout_s)
        # Also when the server itself has ended: its children may live on.
        if self._group.signal(signal.SIGKILL):
            await self._wait(_AFTER_KILL_S)
        self._port.close()
        self._group.remove_record()

    async def _wait(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - processes have no event to wait for
            await asyncio.sleep(_POLL_S)


class ProcessLauncher:
    """Starts the commands that the settings map images to."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._records = settings.state_dir / "processes"
        self._logs = settings.state_dir / "logs"

    async def launch(self, name: str, container: Container, model_dir: Path) -> ModelProcess:
        """Start a server for `container`; its output goes to `logs/<name>.log`.

        Raises:
            StartError: the image has no command, or the command cannot be started.
        """
        command = self._settings.command_for(container.image)
        if command is None:
            known = ", ".join(self._settings.images) or "none"
            raise StartError(f"No command is known for the image {container.image}. Known images: {known}.")
        reserved = _reserve_port()
        port = reserved.getsockname()[1]
        if sys.platform != "linux":
            reserved.close()
        url = f"http://127.0.0.1:{port}"
        argv = [part.replace("{port}", str(port)).replace("{model_dir}", str(model_dir)) for part in command.argv]
        environment = (
            self._environment(container, port, model_dir)
            | dict(command.environment)
            | _container_environment(container)
        )
        log_path = self._logs / f"{name}.log"
        # Not in a thread: were this call cancelled meanwhile, the process would be left behind.
        try:
            with log_path.open("ab") as log:
                group = ProcessGroup.start(
                    argv,
                    what=MODEL_SERVER,
                    records=self._records,
                    environment=environment,
                    cwd=command.cwd,
                    output=log,
                    name=name,
                    url=url,
                )
        except OSError as error:
            reserved.close()
            raise StartError(f"The command {argv[0]} of the image could not be started: {error}.") from error
        except BaseException:
            reserved.close()
            raise
        return ModelProcess(group, url, reserved, log_path, self._settings.stop_timeout_s)

    def _environment(self, container: Container, port: int, model_dir: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return inherited | {
            "AWS_REGION": self._settings.region,
            "AWS_DEFAULT_REGION": self._settings.region,
            "AWS_ENDPOINT_URL": self._settings.aws_endpoint_url,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{port}-{port}",
            "SM_MODEL_DIR": str(model_dir),
            "TAILRACE_IMAGE": container.image,
        }


def _listening_ports(record: ProcessRecord) -> set[int]:
    """Return the ports on which a group's processes listen."""
    import psutil  # noqa: PLC0415 - needed only where a server does not answer

    found: set[int] = set()
    for process in record.members():
        with contextlib.suppress(psutil.Error):
            found |= {one.laddr.port for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
    return found


def _container_environment(container: Container) -> dict[str, str]:
    return {name: str(value) for name, value in container.environment.items()}


def _reserve_port() -> socket.socket:
    """Bind a socket that reserves a free port for a server that is about to start.

    Linux lets a server bind beside a socket that does not listen, if both set SO_REUSEADDR, as
    servers do. No other process gets the port until the server is up, which may take seconds. On
    other systems the socket must be closed before the server starts.
    """
    reserved = socket.socket()
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
    except BaseException:
        reserved.close()
        raise
    return reserved
