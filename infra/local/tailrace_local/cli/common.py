"""Options, error reports and state shared by the commands of `tailrace local`."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tailrace.cli.printable import printable, printable_lines
from tailrace_local.control.up_down import LocalCloud
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import LocalCloudError
from tailrace_local.state_directory import CloudFacts, StateDirectory

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="TAILRACE_LOCAL_STATE",
        help="State directory, one for each cloud. Default: .tailrace/local in the checkout.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def require_running_cloud(state_dir: Path | None) -> CloudFacts:
    """Return the facts of the running cloud; exit with a message if none is up."""
    found = state(state_dir)
    facts = LocalCloud(Workspace.here(), found).running()
    if facts is None:
        fail(f"no local cloud is up in {found.root}: run `tailrace local up`")
    return facts


def state(named: Path | None) -> StateDirectory:
    """Return the given state directory, or the checkout's."""
    return StateDirectory(named or Workspace.here().default_state)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Report errors as one message and exit with 1.

    SIGTERM counts as an interrupt, which stops what was started.
    """
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except LocalCloudError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted: everything that was started has been stopped", code=130)
    finally:
        signal.signal(signal.SIGTERM, previous)


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Print a message and exit. Further lines, such as the end of a log, are indented."""
    say("tailrace local: " + message.replace("\n", "\n  "))
    sys.exit(code)


def say(text: str) -> None:
    """Print progress to standard error, apart from the data."""
    typer.echo(printable_lines(text), err=True)


def put(line: str) -> None:
    """Print a line of text for people: what it holds from logs and answers is escaped."""
    typer.echo(printable(line))
