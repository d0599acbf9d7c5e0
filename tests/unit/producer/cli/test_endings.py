"""How commands end when something outside of them does: a signal, a full disk, a reader that has enough."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
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
    """Its submit is going on when the process is told to end."""

    def submit(self, *_: Any, **__: Any) -> Any:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as exc:
            # While it is tidied up, the signal comes again.
            signal.raise_signal(signal.SIGTERM)
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


def test_sigterm_unwinds_like_an_interruption_and_has_a_code_of_its_own() -> None:
    terminal = Terminal()
    assert terminal.run(TerminatedClient(), "submit", "a.csv") == 143
    assert terminal.err.getvalue().splitlines() == [
        "tailrace: terminated",
        f"tailrace: job {_JOB} was closed as cancelled",
    ]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_result_that_cannot_be_written_says_where_and_how_to_fetch_it() -> None:
    terminal = Terminal(out=Full(errno.ENOSPC))
    assert terminal.run(FakeClient(), "submit", "a.csv", "--output", "-", "--json") == 1
    fields, *said = terminal.err.getvalue().splitlines()
    assert json.loads(fields)["job_id"] == _JOB
    assert json.loads(fields)["output"] is None
    fetch = f"tailrace download {_JOB} --stack demo --output FILE"
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
