"""Ending every process that a local cloud recorded, and nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import psutil

from tailrace_local.processes import ProcessRecord
from tailrace_local.state_directory import StateDirectory

# A record is written right after the start; a process that began this much earlier or later is another one.
_TOLERANCE_S = 5.0
CLOUD = "cloud"


def members(record: ProcessRecord) -> list[psutil.Process]:
    """The living processes of a recorded group: none when its id now belongs to strangers."""
    leader = _process(record.pid)
    if leader and abs(_began(leader) - record.started) > _TOLERANCE_S:
        return []
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if (
                os.getpgid(process.pid) == record.pgid
                and _began(process) >= record.started - _TOLERANCE_S
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


def alive(record: ProcessRecord) -> bool:
    """Whether the recorded leader itself still runs."""
    return any(process.pid == record.pid for process in members(record))


def end_all(
    state: StateDirectory,
    *,
    cloud_grace_s: float = 20.0,
    grace_s: float = 5.0,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """End the cloud, which ends its children; then whatever it left. How many processes had to be ended."""
    records = list(state.records().values())
    cloud = [record for record in records if record.what == CLOUD]
    ended = _end(cloud, cloud_grace_s, say)
    # Read again: the cloud may have started something while it was being ended, and has taken back what it ended.
    return ended + _end(state.records().values(), grace_s, say)


def _end(records: Iterable[ProcessRecord], grace_s: float, say: Callable[[str], None]) -> int:
    groups = {record: members(record) for record in records}
    groups = {record: found for record, found in groups.items() if found}
    for record in groups:
        say(f"ending {record.what} (pid {record.pid})")
        _signal(record, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    left = [process for found in groups.values() for process in found]
    psutil.wait_procs(left, timeout=max(0.0, deadline - time.monotonic()))
    for record in groups:
        if members(record):
            _signal(record, signal.SIGKILL)
    psutil.wait_procs([process for record in groups for process in members(record)], timeout=5)
    return len(left)


def _signal(record: ProcessRecord, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(record.pgid, number)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _began(process: psutil.Process) -> float:
    return float(process.create_time())
