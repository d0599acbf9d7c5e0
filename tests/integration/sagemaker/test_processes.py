import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tailrace_local.processes import ProcessGroup, ProcessRecord
from tailrace_local.sagemaker.adapters.processes import MODEL_SERVER, ProcessLauncher
from tailrace_local.sagemaker.records import Container
from tailrace_local.sagemaker.settings import EmulatorSettings, ImageCommand

from .cloud import eventually
from .conftest import MakeLab


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "state0" / "processes"


def record(
    process: subprocess.Popen[bytes], what: str = MODEL_SERVER, *, started: float | None = None
) -> ProcessRecord:
    return ProcessRecord(process.pid, process.pid, started or psutil.Process(process.pid).create_time(), what)


def test_the_start_time_on_record_is_the_processs_own(tmp_path: Path) -> None:
    group = ProcessGroup.start(
        ["sleep", "60"], what="sleeper", records=tmp_path, environment={}, cwd=tmp_path, output=subprocess.DEVNULL
    )
    try:
        assert group.record.started == pytest.approx(psutil.Process(group.record.pid).create_time(), abs=2)
        assert [process.pid for process in group.record.members()] == [group.record.pid]
    finally:
        group.kill()
    assert group.record.members() == []


def test_what_a_crash_left_behind_is_ended_at_the_next_start(
    sleeper: subprocess.Popen[bytes], make_lab: MakeLab, records: Path
) -> None:
    record(sleeper).write(records, "old")
    make_lab()
    assert eventually(sleeper.poll, "the process to end") == -9
    assert list(records.iterdir()) == []


def test_a_process_that_got_the_pid_of_a_model_server_is_left_alone(
    sleeper: subprocess.Popen[bytes], make_lab: MakeLab, records: Path
) -> None:
    record(sleeper, started=time.time() - 3600).write(records, "old")
    make_lab()
    assert sleeper.poll() is None
    assert list(records.iterdir()) == []


def test_records_of_others_in_the_same_folder_are_left_alone(
    sleeper: subprocess.Popen[bytes], make_lab: MakeLab, records: Path
) -> None:
    other = record(sleeper, "function").write(records)
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
        assert json.loads((tmp_path / "processes" / "one.json").read_text())["what"] == MODEL_SERVER
        await server.stop()

    asyncio.run(scenario())
    seen = json.loads((tmp_path / "model" / "environment.json").read_text())
    assert (seen["FROM_MAP"], seen["FROM_MODEL"], seen["SM_MODEL_DIR"]) == ("1", "2", str(tmp_path / "model"))
    assert seen["SAGEMAKER_BIND_TO_PORT"].isdigit()
    assert "PYTEST_CURRENT_TEST" not in seen
    assert list((tmp_path / "processes").iterdir()) == []
