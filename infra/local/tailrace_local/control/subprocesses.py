"""Runs programs to their end, with their output in a log file."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tailrace_local.errors import LocalCloudError
from tailrace_local.private_files import open_private


def run(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    error: type[LocalCloudError],
    what: str,
) -> None:
    """Run a program, and kill its process group if it is still running at the end.

    Raises:
        LocalCloudError: an error of the type `error`; the program failed or took longer than
            `timeout_s`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with open_private(log) as output:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise error(f"{what} took longer than {timeout_s:.0f} s", log=log) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(10)
    if status:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise error(f"{what} failed with exit status {status}\n{tail}", log=log)
