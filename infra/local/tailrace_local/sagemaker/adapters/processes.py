"""Model servers as processes, each in a group of its own and on record, so that a crash leaves nothing unknown."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.sagemaker.errors import StartError
from tailrace_local.sagemaker.records import Container
from tailrace_local.sagemaker.settings import EmulatorSettings

WHAT = "model-server"
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "AWS_CA_BUNDLE")
_POLL_S = 0.02
_AFTER_KILL_S = 5.0
_STARTTIME_FIELD = 19  # of /proc/<pid>/stat, counted after the parenthesised name


def started_at(pid: int) -> float | None:
    """When a process started, in seconds since the epoch as psutil's create_time has it; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, StopIteration):
        return None
    return int(boot.split()[1]) + int(fields[_STARTTIME_FIELD]) / os.sysconf("SC_CLK_TCK")


def signal_group(pgid: int, number: signal.Signals) -> bool:
    """Signal a process group; False if there is none left."""
    try:
        os.killpg(pgid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@dataclass(frozen=True)
class ProcessRecord:
    """The file that says which process group belongs to a model server."""

    path: Path

    def write(self, pid: int, url: str) -> None:
        """Put the process on record."""
        entry = {"pid": pid, "pgid": pid, "started": started_at(pid) or time.time(), "what": WHAT, "url": url}
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(entry))
        temporary.replace(self.path)

    def kill_if_it_is_the_same(self) -> None:
        """End what an emulator that crashed left behind, and never a process that got its id since."""
        try:
            entry = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return
        started = started_at(entry["pid"])
        if entry.get("what") != WHAT:
            return
        if started is not None and abs(started - entry["started"]) < 1:
            signal_group(entry["pgid"], signal.SIGKILL)
        self.path.unlink(missing_ok=True)


class ModelProcess:
    """A running model server."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        url: str,
        record: ProcessRecord,
        stop_timeout_s: float,
        port: socket.socket,
    ) -> None:
        self._process = process
        self._port = port
        self._record = record
        self._stop_timeout_s = stop_timeout_s
        self.url = url

    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the group."""
        if self.alive():
            signal_group(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM to the group, SIGKILL to what is left of it after the timeout."""
        signal_group(self._process.pid, signal.SIGTERM)
        await self._wait(self._stop_timeout_s)
        # Also when the server itself has ended: children that it left would live on.
        if signal_group(self._process.pid, signal.SIGKILL):
            await self._wait(_AFTER_KILL_S)
        self._port.close()
        self._record.path.unlink(missing_ok=True)

    async def _wait(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - processes have no event to wait for
            await asyncio.sleep(_POLL_S)


class ProcessLauncher:
    """Starts the command that the settings map an image to."""

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
        kept = _kept_port()
        port = kept.getsockname()[1]
        if sys.platform != "linux":
            kept.close()
        url = f"http://127.0.0.1:{port}"
        argv = [part.replace("{port}", str(port)).replace("{model_dir}", str(model_dir)) for part in command.argv]
        environment = self._environment(container, port, model_dir) | dict(command.environment)
        # Not in a thread: were this cancelled meanwhile, nobody would know of the process.
        try:
            process = self._spawn(argv, environment | _own(container), command.cwd, name)
        except BaseException:
            kept.close()
            raise
        record = ProcessRecord(self._records / f"{name}.json")
        record.write(process.pid, url)
        return ModelProcess(process, url, record, self._settings.stop_timeout_s, kept)

    def _environment(self, container: Container, port: int, model_dir: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | {
            "AWS_REGION": self._settings.region,
            "AWS_DEFAULT_REGION": self._settings.region,
            "AWS_ENDPOINT_URL": self._settings.aws_endpoint_url,
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_SAFE_PORT_RANGE": f"{port}-{port}",
            "SM_MODEL_DIR": str(model_dir),
            "TAILRACE_IMAGE": container.image,
        }

    def _spawn(
        self, argv: list[str], environment: dict[str, str], cwd: Path | None, name: str
    ) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.log").open("ab") as log:
            try:
                return subprocess.Popen(
                    argv,
                    env=environment,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise StartError(f"The command {argv[0]} of the image could not be started: {error}.") from error


def _own(container: Container) -> dict[str, str]:
    return {name: str(value) for name, value in container.environment.items()}


def _kept_port() -> socket.socket:
    """A socket that keeps a free port from everybody but the server that is told of it.

    Linux lets a server bind beside a socket that does not listen if both may reuse the address, as servers do; nobody
    else is given the port until the server is up, which may take seconds. Elsewhere it has to be closed before.
    """
    kept = socket.socket()
    try:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
    except BaseException:
        kept.close()
        raise
    return kept
