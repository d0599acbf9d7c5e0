"""Processes in groups of their own, recorded so that whoever comes later can end them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class ProcessRecord:
    """One process that leads a group.

    `started` is in seconds since the epoch: a process that has the pid but began at another time is a stranger.
    """

    pid: int
    pgid: int
    started: float
    what: str

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """The record in `path`, or None when it is gone or was cut off while being written."""
        try:
            found = json.loads(path.read_text())
            return cls(int(found["pid"]), int(found["pgid"]), float(found["started"]), str(found["what"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> Path:
        """Record this process in `folder`; the file's name is unique to it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.what.replace('/', '-').replace(' ', '-')}-{self.pid}.json"
        scratch = path.with_suffix(".partial")
        scratch.write_text(json.dumps(asdict(self)))
        scratch.replace(path)
        return path


class ProcessGroup:
    """A child that leads its own group, from its start until nothing of the group is left."""

    def __init__(self, child: subprocess.Popen[bytes], record: ProcessRecord, path: Path) -> None:
        self.child = child
        self.record = record
        self._path = path

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        what: str,
        records: Path,
        environment: Mapping[str, str],
        cwd: Path,
        output: IO[bytes] | int,
        handed_on: Sequence[int] = (),
    ) -> ProcessGroup:
        """Start `argv` in a session of its own, with the descriptors `handed_on`, and record it in `records`."""
        child = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=handed_on,
        )
        record = ProcessRecord(child.pid, child.pid, time.time(), what)
        return cls(child, record, record.write(records))

    @property
    def running(self) -> bool:
        """Whether the leader still runs."""
        return self.child.poll() is None

    def end(self, *, grace_s: float = 2.0) -> int:
        """SIGTERM to the group, SIGKILL after `grace_s`; the leader's exit status."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to whatever is left of the group, and the record goes; the leader's exit status."""
        self._signal(signal.SIGKILL)
        status = self.child.wait(10)
        self._path.unlink(missing_ok=True)
        return status

    def _signal(self, number: signal.Signals) -> None:
        # The pid cannot be recycled before wait() has reaped it, nor the group's id while a member lives.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.record.pgid, number)
