"""The command `tailrace` with its standard error on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.command import TIMEOUT_S


@dataclass(frozen=True)
class Shown:
    """A command's exit code, its standard output, and what its terminal got."""

    code: int
    stdout: bytes
    terminal: str


def on_terminal(cloud: RunningCloud, *arguments: str | Path) -> Shown:
    """Run ``tailrace`` as a person does, for at most `TIMEOUT_S` seconds."""
    controller, terminal = pty.openpty()
    got: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(controller, 65_536)
            except OSError:  # how Linux reports that the other end is closed
                return
            if not data:
                return
            got.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    program = Path(sys.executable).with_name("tailrace")
    try:
        done = subprocess.run(
            [program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, **cloud.environment, "TERM": "xterm-256color", "COLUMNS": "120"},
        )
    finally:
        os.close(terminal)
        reader.join(timeout=60)
        os.close(controller)
    return Shown(done.returncode, done.stdout, b"".join(got).decode(errors="replace"))
