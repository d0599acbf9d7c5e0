"""Contestants as processes, with their time and their peak memory as the kernel counts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.contests import PEAK_MB, SECONDS, Run

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".tools/bench"

Command = Sequence[str | Path]


class FailedError(Exception):
    """A contestant did not do its work."""


def ours(program: str, *arguments: str | Path) -> Command:
    """Return the command of a module of `tests.benchmarks.ours`, run with the project's Python."""
    return [sys.executable, "-m", f"tests.benchmarks.ours.{program}", *arguments]


def peer(program: str, *arguments: str | Path) -> Command:
    """Return the command of a module of `tests.benchmarks.peers`, run with the peers' Python."""
    return [PEERS / "bin/python", "-m", f"tests.benchmarks.peers.{program}", *arguments]


def reporting(command: Command, env: Mapping[str, str] | None = None) -> Callable[[], Run]:
    """Return a run of a program that reports its time (see `tests.benchmarks.report`).

    Memory comes from the kernel.
    """

    def run() -> Run:
        figures, output = _measured(command, env)
        said: dict[str, Any] = json.loads(output)
        return Run({**figures, **said["figures"]}, said["answer"])

    return run


def program(
    command: Command, answer: Callable[[bytes], Any] = lambda _: None, env: Mapping[str, str] | None = None
) -> Callable[[], Run]:
    """Return a run of any program, timed from start to end. ``answer`` parses its output."""

    def run() -> Run:
        figures, output = _measured(command, env)
        return Run(figures, answer(output))

    return run


def _measured(command: Command, env: Mapping[str, str] | None) -> tuple[dict[str, float], bytes]:
    # A child's peak begins with its parent's size at the start: the process that runs this imports
    # nothing large.
    started = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **(env or {})}
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return {SECONDS: seconds, PEAK_MB: usage.ru_maxrss * 1024 / 1e6}, output
