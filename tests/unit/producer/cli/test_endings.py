"""How commands end when something outside of them does: a signal, a full disk, a reader that has enough."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tailrace.cli.termination import signals_raise
from tailrace.client import Tailrace
from tailrace_core.errors import TimedOutError
from tailrace_core.jobs.model import JobState
from tests.unit.producer.cli.test_commands import _JOB, FakeClient, job


class Full(io.BytesIO):
    """A disk that is full, or a pipe that nobody reads."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _: Any, /) -> int:
        raise OSError(self._number, os.strerror(self._number))


class TerminatedClient(FakeClient):
    """A client whose submit is running when the process gets a signal."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self._number = number

    def submit(self, *_: Any, **__: Any) -> Any:
        try:
            signal.raise_signal(self._number)
        except BaseException as exc:
            # While it is tidied up, the signal comes again.
            signal.raise_signal(self._number)
            exc.add_note(f"job {_JOB} was closed as cancelled")
            raise


@dataclass
class Terminal:
    """Standard output and error of a command."""

    out: io.BytesIO = field(default_factory=io.BytesIO)
    err: io.StringIO = field(default_factory=io.StringIO)

    def run(self, client: FakeClient, *arguments: str) -> int:
        environment = Environment(
            connect=lambda _: cast("Tailrace", client), stdin=io.BytesIO(), stdout=self.out, stderr=self.err
        )
        return run([*arguments, "--stack", "demo"], environment)


@pytest.mark.parametrize(
    ("number", "code", "what"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")]
)
def test_a_signal_unwinds_like_an_interruption_and_has_a_code_of_its_own(
    number: signal.Signals, code: int, what: str
) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        terminal = Terminal()
        assert terminal.run(TerminatedClient(number), "submit", "a.csv") == code
        assert terminal.err.getvalue().splitlines() == [
            f"tailrace: {what}",
            f"tailrace: job {_JOB} was closed as cancelled",
        ]
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raise():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interruption_while_modules_are_imported_is_one_line_and_a_code(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    found = subprocess.run(
        [sys.executable, "-c", "from tailrace.cli import main; main()", "parked"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "tailrace: interrupted\n")


def test_hardly_anything_is_imported_before_an_interruption_is_handled() -> None:
    script = "import sys; before = set(sys.modules); import tailrace.cli; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["__future__", "gc", "tailrace", "tailrace.cli"]


def test_a_result_that_cannot_be_written_says_where_and_how_to_fetch_it() -> None:
    terminal = Terminal(out=Full(errno.ENOSPC))
    assert terminal.run(FakeClient(), "submit", "a.csv", "--output", "-", "--json") == 1
    fields, *said = terminal.err.getvalue().splitlines()
    assert json.loads(fields)["job_id"] == _JOB
    assert json.loads(fields)["output"] is None
    fetch = f"tailrace download {_JOB} --output FILE --stack demo"
    assert said == [
        "tailrace: the result cannot be written to standard output: No space left on device",
        f"tailrace: job {_JOB} is completed; fetch its result with `{fetch}`",
    ]


def test_a_job_whose_id_cannot_be_printed_is_named_in_the_message() -> None:
    terminal = Terminal(out=Full(errno.ENOSPC))
    assert terminal.run(FakeClient(), "submit", "a.csv") == 1
    assert f"tailrace status {_JOB}" in terminal.err.getvalue()


@pytest.mark.parametrize("command", [("submit", "a.csv", "--wait"), ("wait", _JOB)])
def test_a_wait_that_is_over_still_gives_one_object_of_json(command: tuple[str, ...]) -> None:
    terminal = Terminal()
    client = FakeClient(ends_as=job(JobState.RUNNING, rows_scored=4), wait_raises=TimedOutError("late"))
    assert terminal.run(client, *command, "--timeout", "0", "--json") == 1
    (line,) = terminal.out.getvalue().splitlines()
    found = json.loads(line)
    assert (found["job_id"], found["state"], found["rows_scored"]) == (_JOB, "running", 4)


@pytest.mark.parametrize(
    "command", [("download", _JOB), ("status", _JOB), ("jobs",), ("submit", "a.csv", "--output", "-")]
)
def test_a_reader_that_has_enough_ends_the_command_without_a_word(command: tuple[str, ...]) -> None:
    terminal = Terminal(out=Full(errno.EPIPE))
    assert terminal.run(FakeClient(), *command) == 1
    assert terminal.err.getvalue() == ""
