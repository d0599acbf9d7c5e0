"""Ends every process that a local cloud recorded, and no other."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable

import psutil

from tailrace_local.processes import ProcessRecord
from tailrace_local.state_directory import StateDirectory

CLOUD = "cloud"


def end_all(
    state: StateDirectory,
    *,
    cloud_grace_s: float = 20.0,
    grace_s: float = 5.0,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """End the cloud, which ends its children, then the rest; return how many processes ended."""
    records = list(state.records().values())
    running = _members(records)
    _end([record for record in records if record.what == CLOUD], cloud_grace_s, say)
    # Read again: the cloud may have started processes while it ended, and has removed the records
    # of those it ended.
    left = list(state.records().values())
    running |= _members(left)
    _end(left, grace_s, say)
    return len(running)


def _members(records: Iterable[ProcessRecord]) -> set[psutil.Process]:
    return {process for record in records for process in record.members()}


def _end(records: Iterable[ProcessRecord], grace_s: float, say: Callable[[str], None]) -> None:
    groups = {record: found for record in records if (found := record.members())}
    for record in groups:
        say(f"ending {record.what} (pid {record.pid})")
        record.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    left = [process for found in groups.values() for process in found]
    psutil.wait_procs(left, timeout=max(0.0, deadline - time.monotonic()))
    for record in groups:
        if record.members():
            record.signal(signal.SIGKILL)
    psutil.wait_procs([process for record in groups for process in record.members()], timeout=5)
