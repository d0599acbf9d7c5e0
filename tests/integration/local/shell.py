"""One shell that runs the commands of a page in turn, as a reader does."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_END = "~~~ended~~~"


@dataclass(frozen=True)
class Ran:
    """A command's exit code, and what it wrote to standard output and error."""

    code: int
    output: str


class Shell:
    """A bash that keeps its folder and variables from one command to the next.

    It leads a process group, so that what it runs can be killed with it: a command that lives on
    would hold the pipe that its output is read from.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, timeout_s: float = 480) -> Ran:
        """Run a command to its end.

        Raises:
            AssertionError: it has not ended in time; it is killed, and the shell with it.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        overdue = threading.Timer(timeout_s, self._kill)
        overdue.start()
        lines: list[str] = []
        try:
            process.stdin.write(f"{command}\nprintf '\\n%s %s\\n' '{_END}' \"$?\"\n")
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith(_END):
                    return Ran(int(line.removeprefix(_END)), "".join(lines))
                lines.append(line)
        finally:
            overdue.cancel()
        raise AssertionError(f"`{command}` did not end within {timeout_s} s: {''.join(lines)[-3000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
