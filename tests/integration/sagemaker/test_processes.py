import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tailrace_local.sagemaker.adapters.processes import WHAT, ProcessLauncher, ProcessRecord, started_at
from tailrace_local.sagemaker.records import Container
from tailrace_local.sagemaker.settings import EmulatorSettings, ImageCommand

from .cloud import eventually
from .conftest import MakeLab


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def test_the_start_time_on_record_is_psutils(sleeper: subprocess.Popen[bytes]) -> None:
    assert started_at(sleeper.pid) == pytest.approx(psutil.Process(sleeper.pid).create_time(), abs=0.05)


def test_what_a_crash_left_behind_is_ended_at_the_next_start(
    sleeper: subprocess.Popen[bytes], make_lab: MakeLab, tmp_path: Path
) -> None:
    folder = tmp_path / "state0" / "processes"
    folder.mkdir(parents=True)
    ProcessRecord(folder / "old.json").write(sleeper.pid, "http://127.0.0.1:1")
    make_lab()
    assert eventually(sleeper.poll, "the process to end") == -9
    assert list(folder.iterdir()) == []


def test_records_of_others_in_the_same_folder_are_left_alone(
    sleeper: subprocess.Popen[bytes], make_lab: MakeLab, tmp_path: Path
) -> None:
    folder = tmp_path / "state0" / "processes"
    folder.mkdir(parents=True)
    other = folder / "function.json"
    entry = {"pid": sleeper.pid, "pgid": sleeper.pid, "started": started_at(sleeper.pid), "what": "function"}
    other.write_text(json.dumps(entry))
    make_lab()
    assert other.exists()
    assert sleeper.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let nobody bind beside a bound socket")
def test_a_port_is_nobody_elses_while_its_server_starts(tmp_path: Path) -> None:
    for folder in ("processes", "logs"):
        (tmp_path / folder).mkdir()
    settings = EmulatorSettings(
        "eu-west-1", "123456789012", "http://aws", tmp_path, {"image": ImageCommand(["sleep", "60"])}
    )

    async def scenario() -> None:
        starting = await ProcessLauncher(settings).launch("one", Container("image", None, {}), tmp_path)
        address = ("127.0.0.1", int(starting.url.rpartition(":")[2]))
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(address)
        with socket.create_server(address):  # which may reuse the address, as servers may
            await starting.stop()
        with socket.socket() as anybody:
            anybody.bind(address)

    asyncio.run(scenario())


def test_a_server_gets_its_containers_environment_and_little_of_the_hosts(tmp_path: Path) -> None:
    for folder in ("processes", "logs", "model"):
        (tmp_path / folder).mkdir()
    write = "import os, json, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    command = ImageCommand([sys.executable, "-c", write, "{model_dir}/environment.json"], {"FROM_MAP": "1"})
    settings = EmulatorSettings(
        "eu-west-1", "123456789012", "http://aws", tmp_path, {"image": command}, stop_timeout_s=1
    )
    container = Container("image", None, {"FROM_MODEL": "2"})

    async def scenario() -> None:
        server = await ProcessLauncher(settings).launch("one", container, tmp_path / "model")
        async with asyncio.timeout(60):
            while server.alive():  # noqa: ASYNC110 - a process has no event to wait for
                await asyncio.sleep(0.02)
        assert json.loads((tmp_path / "processes" / "one.json").read_text())["what"] == WHAT
        await server.stop()

    asyncio.run(scenario())
    seen = json.loads((tmp_path / "model" / "environment.json").read_text())
    assert (seen["FROM_MAP"], seen["FROM_MODEL"], seen["SM_MODEL_DIR"]) == ("1", "2", str(tmp_path / "model"))
    assert seen["SAGEMAKER_BIND_TO_PORT"].isdigit()
    assert "PYTEST_CURRENT_TEST" not in seen
    assert list((tmp_path / "processes").iterdir()) == []
