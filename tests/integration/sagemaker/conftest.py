import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker import FaultHooks
from tests.moto_server import moto_server

from .cloud import Lab, RunningEmulator, settings

MakeLab = Callable[..., Lab]


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    if url := os.environ.get("TAILRACE_TEST_AWS_ENDPOINT_URL"):
        yield url  # another emulator than moto, which somebody runs
        return
    with moto_server() as url:
        yield url


@pytest.fixture
def make_lab(aws_url: str, tmp_path: Path) -> Iterator[MakeLab]:
    started: list[RunningEmulator] = []

    def make(*, faults: FaultHooks | None = None, pace: Pace | None = None, **changes: Any) -> Lab:
        made = settings(tmp_path / f"state{len(started)}", aws_url, **changes)
        running = RunningEmulator(made, faults, pace).start()
        started.append(running)
        return Lab(running, aws_url)

    yield make
    for running in started:
        running.stop()


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab()
