"""The environment of the commands: streams, clock and connection; tests pass another one."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, ParamSpec, Protocol, TextIO, cast

from tailrace.cli.declarations import Exit
from tailrace.cli.exit_codes import of_error
from tailrace.cli.hints import complete
from tailrace.cli.printable import TerminalWriter, printable, printable_json, printable_lines
from tailrace.cli.termination import TerminationError
from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception
from tailrace_core.errors import InputError, TailraceError

if TYPE_CHECKING:
    import boto3

    from tailrace.client import Tailrace

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stack to work on, and how to reach it."""

    stack: str | None
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    concurrency: int = 8
    is_called: bool = True
    """False for a command that reads local files only."""

    @property
    def options(self) -> dict[str, str | None]:
        """The options that lead to the same stack, for commands that messages suggest."""
        return {
            "--stack": self.stack,
            "--profile": self.profile,
            "--region": self.region,
            "--endpoint-url": self.endpoint_url,
        }


class AccountConnection(Protocol):
    """A connection for single calls; errors are those of `tailrace_core.errors`."""

    @property
    def where(self) -> str:
        """The region or the address that is called, for messages."""

    @property
    def region(self) -> str:
        """The region that is called; empty when none is named."""

    def execute(self, call: Call) -> Any:
        """Return the answer to a call."""

    def close(self) -> None:
        """Close the connections."""


def connect(target: Target) -> Tailrace:
    """Connect a client to the target.

    Raises:
        ConfigurationError: there is no such profile.
    """
    from tailrace.aws.connections import Boto3Connection  # noqa: PLC0415 - slow to import; plugins do not need it
    from tailrace.aws.plain_environment import plain_environment  # noqa: PLC0415 - the same
    from tailrace.aws.stack_names import stack_call  # noqa: PLC0415 - the same

    plain = target.profile is None and plain_environment(region=target.region, endpoint_url=target.endpoint_url)
    connection = Boto3Connection(
        session=None if plain else session_of(target.profile, target.region),
        endpoint_url=target.endpoint_url,
        region=target.region,
        concurrency=target.concurrency,
    )
    if plain and target.is_called:
        # The rest of the command is imported meanwhile.
        connection.begin(stack_call(target.stack or ""))
    from tailrace.client import Tailrace  # noqa: PLC0415 - the same

    return Tailrace(target.stack or "", connection=connection, concurrency=target.concurrency)


def reach(target: Target) -> AccountConnection:
    """Connect to the target's account, for single calls whose answer a person waits for.

    Raises:
        ConfigurationError: there is no such profile.
    """
    from tailrace.aws.connections import INTERACTIVE_RETRIES, Boto3Connection  # noqa: PLC0415 - slow to import
    from tailrace_core.aws.retrying import retrying  # noqa: PLC0415 - the same

    return Boto3Connection(
        session=session_of(target.profile, target.region),
        endpoint_url=target.endpoint_url,
        region=target.region,
        concurrency=target.concurrency,
        retry=lambda execute, policy: retrying(execute, policy=INTERACTIVE_RETRIES),  # noqa: ARG005 - another policy
    )


def session_of(profile: str | None, region: str | None) -> boto3.Session:
    """Return a session of a profile.

    Raises:
        ConfigurationError: there is no such profile.
    """
    import boto3  # noqa: PLC0415 - slow to import; plugins do not need it
    import botocore.exceptions  # noqa: PLC0415 - the same

    from tailrace.aws.connections import with_remedy  # noqa: PLC0415 - the same

    try:
        return boto3.Session(profile_name=profile, region_name=region)
    except botocore.exceptions.BotoCoreError as exc:
        raise with_remedy(translate_exception(exc, "session")) from exc


def _open_browser(url: str) -> object:
    import webbrowser  # noqa: PLC0415 - one command needs it

    return webbrowser.open(url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The streams, the clock and the connection that commands use."""

    connect: Callable[[Target], Tailrace] = connect
    reach: Callable[[Target], AccountConnection] = reach
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] = field(default_factory=lambda: sys.stdout.buffer)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    open_browser: Callable[[str], object] = _open_browser
    now: Callable[[], float] = time.time
    targets: list[Target] = field(default_factory=list)
    """The stack that the command has named, once it has."""

    @contextlib.contextmanager
    def client(self, target: Target) -> Iterator[Tailrace]:
        """Yield a client of the target and close it afterwards.

        Raises:
            InputError: no stack is named.
        """
        if not target.stack:
            raise InputError("no stack is named: give --stack NAME, or set TAILRACE_STACK")
        self.targets[:] = [target]
        with self.connect(target) as client:
            yield client

    def say(self, text: str) -> None:
        """Write a message for people to standard error; a closed stream does not stop the command.

        Commands that it suggests get the options of this one that lead to the stack.
        """
        for target in self.targets:
            text = complete(text, target.options)
        self._say(printable_lines(text))

    def say_json(self, line: str) -> None:
        """Write a line of JSON to standard error, with control characters escaped in its strings."""
        self._say(printable_json(line))

    def put(self, text: str) -> None:
        """Write text for people to standard output: lines without control characters."""
        self.stdout.write(printable_lines(text).encode() + b"\n")
        self.stdout.flush()

    def put_json(self, line: str) -> None:
        """Write a line of JSON to standard output; on a terminal, control characters are escaped in its strings."""
        shown = printable_json(line) if self.stdout.isatty() else line
        self.stdout.write(shown.encode(errors="surrogateescape") + b"\n")
        self.stdout.flush()

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.stderr.write(text + "\n")
            self.stderr.flush()

    def data(self, *, json: bool = False) -> IO[bytes]:
        """Return standard output for data: byte for byte, except on a terminal, which shows it escaped."""
        if not self.stdout.isatty():
            return self.stdout
        return cast("IO[bytes]", TerminalWriter(self.stdout, printable_json if json else printable_lines))


class _Holder(Protocol):
    obj: Any


def of(context: _Holder) -> Environment:
    """Return the environment that the command runs in."""
    environment: Environment = context.obj
    return environment


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a command's errors into one clear line and an exit code; with ``--debug``, into the traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        context: Any = kwargs.get("context")
        try:
            command(*args, **kwargs)
        except (TailraceError, KeyboardInterrupt, OSError) as exc:
            _explain(of(context), exc, debug=bool(kwargs.get("debug")))
            raise Exit(of_error(exc)) from exc

    return run


def error_text(error: BaseException) -> str:
    """Return the text of an error."""
    if isinstance(error, TerminationError):
        return error.what
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _explain(environment: Environment, error: BaseException, *, debug: bool) -> None:
    if isinstance(error, BrokenPipeError) and not debug:
        # The reader has enough, as in `… | head`.
        return
    if debug:
        import traceback  # noqa: PLC0415 - few commands fail

        environment.say("".join(traceback.format_exception(error)).rstrip())
    else:
        environment.say(f"tailrace: {printable(error_text(error))}")
    for note in () if debug else getattr(error, "__notes__", ()):
        environment.say(f"tailrace: {printable(note)}")
