"""Child processes that lead a group each, recorded on disk so that a later process can end them."""

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
from typing import IO, TYPE_CHECKING

from tailrace_local.private_files import write_private

if TYPE_CHECKING:
    import psutil

# A record is written right after the start; a process that began this much earlier or later is
# another one.
_TOLERANCE_S = 5.0


@dataclass(frozen=True)
class ProcessRecord:
    """A process that leads a group.

    Attributes:
        started: seconds since the epoch. A process with the same pid and another start time is not
            this one.
        what: the kind of process, such as `cloud` or `model-server`.
        url: base URL, for a server.
    """

    pid: int
    pgid: int
    started: float
    what: str
    url: str | None = None

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """Read the record in `path`; None if the file is gone or incomplete."""
        try:
            found = json.loads(path.read_text())
            url = found.get("url")
            return cls(int(found["pid"]), int(found["pgid"]), float(found["started"]), str(found["what"]), url)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, folder: Path, name: str | None = None) -> Path:
        """Write the record to `folder`, as `<name>.json` or under a name unique to the process."""
        folder.mkdir(parents=True, exist_ok=True)
        name = name or f"{self.what.replace('/', '-').replace(' ', '-')}-{self.pid}"
        path = folder / f"{name}.json"
        write_private(path, json.dumps({key: value for key, value in asdict(self).items() if value is not None}))
        return path

    def members(self) -> list[psutil.Process]:
        """List the group's living processes: none if the pid now belongs to another process."""
        import psutil  # noqa: PLC0415 - a cloud that starts in a fresh state directory does not need it

        with contextlib.suppress(psutil.NoSuchProcess):
            if abs(psutil.Process(self.pid).create_time() - self.started) > _TOLERANCE_S:
                return []
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if (
                    os.getpgid(process.pid) == self.pgid
                    and process.create_time() >= self.started - _TOLERANCE_S
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found

    def alive(self) -> bool:
        """True if the leader itself still runs."""
        return any(process.pid == self.pid for process in self.members())

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the group; False if the group is gone.

        Check `members` first for a record from disk.
        """
        try:
            os.killpg(self.pgid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


class ProcessGroup:
    """A child process that leads its own group, from its start until the whole group has ended."""

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
        cwd: Path | None,
        output: IO[bytes] | int,
        pass_fds: Sequence[int] = (),
        name: str | None = None,
        url: str | None = None,
    ) -> ProcessGroup:
        """Start `argv` in a session of its own and record it in the folder `records`.

        The record's file is `<name>.json`.

        Raises:
            OSError: the program cannot be started.
        """
        child = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        record = ProcessRecord(child.pid, child.pid, time.time(), what, url)
        return cls(child, record, record.write(records, name))

    @property
    def running(self) -> bool:
        """True if the leader still runs."""
        return self.child.poll() is None

    def end(self, *, grace_s: float = 2.0) -> int:
        """Send SIGTERM to the group, SIGKILL after `grace_s`; return the leader's status."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """Send the group SIGKILL, remove the record, return the leader's exit status."""
        self.signal(signal.SIGKILL)
        status = self.child.wait(10)
        self.remove_record()
        return status

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the group; False if the group is gone."""
        # The pid cannot be recycled before wait() has reaped it, nor the group's id while a member
        # lives.
        return self.record.signal(number)

    def remove_record(self) -> None:
        """Remove the record of a group that has ended."""
        self._path.unlink(missing_ok=True)
