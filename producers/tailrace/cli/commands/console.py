"""The command ``tailrace console``: pages for an operator, on the loopback address."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace_core.errors import ConfigurationError

if TYPE_CHECKING:
    from tailrace import Tailrace

_EXTRA = frozenset({"jinja2", "starlette", "uvicorn"})


@guarded
def console(
    *,
    context: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="Port on 127.0.0.1. Default: a random free one.")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address; open no browser.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Allow to redrive, discard, correct rows and cancel jobs from the pages.")
    ] = False,
    stack: arguments.Stack = None,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Serve pages for an operator: what needs attention, jobs, chunks, dead letters, the endpoint.

    The pages use your AWS credentials and are served on this machine alone. The address that is
    printed holds a token and works once, in one browser. Without --write, nothing can be changed.
    Ctrl-C ends it.

    Example:
      tailrace console --stack demand --write
    """
    environment = of(context)
    target = Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)
    with environment.client(target) as client:
        options = shlex.join(word for name, value in target.options.items() if value for word in (name, value))
        _serve(environment, client, port=port, browser=not no_browser, write=write, options=options)


def _serve(environment: Environment, client: Tailrace, *, port: int, browser: bool, write: bool, options: str) -> None:
    try:
        from tailrace.console.server import ConsoleServer  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as exc:
        if exc.name not in _EXTRA:
            raise
        raise ConfigurationError("the console needs the extra [console]: pip install 'tailrace[console]'") from exc

    def listening(url: str) -> None:
        environment.put(url)
        changes = "it can change things" if write else "read-only: start it with --write to change things"
        environment.say(f"tailrace: the console listens, {changes}; Ctrl-C ends it")
        if browser:
            environment.open_browser(url)

    # Without a stack of that name, the command ends before it listens.
    environment.say(f"tailrace: console of stack {client.stack.name}")
    try:
        ConsoleServer(client, port=port, write=write, options=options).run(listening)
    except KeyboardInterrupt:
        environment.say("tailrace: the console has ended")
