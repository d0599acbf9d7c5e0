"""What every command of `tailrace local` has: its options, its errors, the cloud that it is about."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tailrace_local.control.up_down import LocalCloud
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import LocalCloudError
from tailrace_local.state_directory import CloudFacts, StateDirectory

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="TAILRACE_LOCAL_STATE",
        help="Where the cloud keeps its state; one cloud for each. Default: .tailrace/local in the checkout.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def require_running_cloud(state_dir: Path | None) -> CloudFacts:
    """The facts of the cloud that is up; without one the command ends."""
    found = state(state_dir)
    facts = LocalCloud(Workspace.here(), found).running()
    if facts is None:
        fail(f"no local cloud is up in {found.root}: run `tailrace local up`")
    return facts


def state(named: Path | None) -> StateDirectory:
    """The state directory that was named, or the checkout's."""
    return StateDirectory(named or Workspace.here().default_state)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Errors as one message and exit status 1; SIGTERM as an interrupt, so that what was started is taken down."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except LocalCloudError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted: what had been started was taken down", code=130)
    finally:
        signal.signal(signal.SIGTERM, previous)


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with a message."""
    typer.echo(f"tailrace local: {message}", err=True)
    sys.exit(code)


def say(text: str) -> None:
    """Tell progress, where it does not mix with data."""
    typer.echo(text, err=True)
