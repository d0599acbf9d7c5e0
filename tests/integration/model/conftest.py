"""A model, trained on little, and its server in a process of its own, in the environment that a container has."""

import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".tools/model/bin/python"
START_S = 120.0


@pytest.fixture(scope="session")
def model_python() -> Path:
    if not PYTHON.exists():
        missing = "the model's environment is missing: run `make setup`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return PYTHON


@dataclass(frozen=True)
class Trained:
    archive: Path
    folder: Path
    report: dict[str, Any]
    took_s: float
    """The time of the whole command."""


def trained_at(python: Path, archive: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(python),
        "-m",
        "tailrace_local.demo.model",
        "train",
        "--output",
        str(archive),
        "--rows",
        "20000",
        *options,
    ]
    return subprocess.run(command, env=environment(), check=True, capture_output=True, text=True, timeout=120)


def environment(**variables: str) -> dict[str, str]:
    """Return the server's environment: our sources, and nothing of the test process."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "infra/local"), "PYTHONUNBUFFERED": "1", **variables}


@pytest.fixture(scope="session")
def trained(model_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("model")
    archive, folder = place / "model.tar.gz", place / "unpacked"
    began = time.monotonic()
    report = json.loads(trained_at(model_python, archive).stdout)
    took_s = time.monotonic() - began
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return Trained(archive, folder, report, took_s)


@dataclass
class Server:
    """A running server; `log` holds its lines so far."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    port: int = 0

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        with ExitStack() as stack:
            connection = self.connection()
            stack.callback(connection.close)
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())

    def invoke(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        return self.ask("POST", "/invocations", body, **{"Content_Type": "text/csv", **headers})[:2]


Start = Callable[..., Server]


@pytest.fixture(scope="session")
def start(model_python: Path, trained: Trained) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(**variables: str) -> Server:
            variables = {"SM_MODEL_DIR": str(trained.folder), "SAGEMAKER_BIND_TO_PORT": "0", **variables}
            process = subprocess.Popen(
                [model_python, "-m", "tailrace_local.demo.model", "serve"],
                env=environment(**variables),
                stderr=subprocess.PIPE,
                text=True,
            )
            server, lines = Server(process), Queue[str]()
            reader = threading.Thread(target=_read, args=(server, lines), daemon=True)
            reader.start()
            stack.callback(reader.join, 60)  # which ends when the process has
            stack.callback(process.wait, 60)
            stack.callback(process.kill)
            server.port = _port(server, lines)
            return server

        yield started


def _read(server: Server, lines: Queue[str]) -> None:
    """Reads the log to its end, so that the server never blocks on it; an empty line is the end."""
    stderr = server.process.stderr
    assert stderr
    with stderr:
        for line in stderr:
            server.log.append(line)
            lines.put(line)
    lines.put("")


def _port(server: Server, lines: Queue[str]) -> int:
    try:
        while line := lines.get(timeout=START_S):
            if "listening on" in line:
                return int(line.partition("127.0.0.1:")[2].partition(",")[0])
    except Empty:
        pytest.fail(f"the model server was not up after {START_S} s: {server.log}")
    pytest.fail(f"the model server ended: {server.log}")


@pytest.fixture(scope="session")
def server(start: Start) -> Server:
    return start()
