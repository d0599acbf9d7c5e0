"""The application: its own commands and those of plugins."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, cast

import typer

from tailrace.cli.environment import Environment, error_text
from tailrace.cli.exit_codes import ExitCode, of_error
from tailrace.cli.printable import printable
from tailrace.cli.termination import signals_raise

PLUGINS = "tailrace.commands"
_LOCAL = "local"
# Typer has no public name for click's ClickException, which all usage errors are.
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.mro()[2])
_HELP = """Score a big CSV with a SageMaker asynchronous endpoint: every row in order and accounted for.

Exit codes: 0 completed (or submitted), 2 wrong usage or input, 3 completed with rejected rows, 4 failed, 5 cancelled or
expired, 129 hung up, 130 interrupted, 143 terminated, 1 anything else. Data goes to standard output, messages to
standard error."""


def build(plugins: Sequence[EntryPoint], wanted: str | None) -> typer.Typer:
    """Build the application with the ``wanted`` plugin or with its own commands; import nothing else."""
    app = typer.Typer(
        help=_HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    if wanted not in {plugin.name for plugin in plugins}:
        from tailrace.cli.commands import registration  # noqa: PLC0415 - slow to import; plugins do not need them

        registration.add_to(app)
    for plugin in plugins:
        _mount(app, plugin, wanted)
    if wanted == _LOCAL and _LOCAL not in {plugin.name for plugin in plugins}:
        _explain(
            app, _LOCAL, "the local cloud is a distribution of its own: pip install tailrace-local", ExitCode.USAGE
        )
    return app


def run(arguments: Sequence[str], environment: Environment | None = None) -> int:
    """Run a command line; return the exit code."""
    app = build(tuple(entry_points(group=PLUGINS)), arguments[0] if arguments else None)
    environment = environment or Environment()
    try:
        with signals_raise():
            # Not standalone: a usage error may repeat an argument, which is not printable as it is.
            code = app(list(arguments), prog_name="tailrace", obj=environment, standalone_mode=False)
    except _USAGE_ERROR as exc:
        return _explain_usage(exc)
    except typer.Abort:
        return ExitCode.ERROR
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else ExitCode.ERROR
    except KeyboardInterrupt as exc:
        return of_error(exc)
    except OSError as exc:
        # Raised outside of the guarded commands: the help text could not be written, for instance.
        environment.say(f"tailrace: {printable(error_text(exc))}")
        return ExitCode.ERROR
    return code if isinstance(code, int) else ExitCode.OK


def _explain_usage(error: typer.BadParameter) -> int:
    # Slow to import, and needed for this only.
    from typer.rich_utils import rich_format_error  # noqa: PLC0415

    error.message = printable(error.message)
    rich_format_error(error)
    return error.exit_code


def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=lambda on: _show(on=on)),
    ] = False,
) -> None:
    """Hold the options of the application itself; `build` sets its help text."""


def _show(*, on: bool) -> None:
    if on:
        typer.echo(f"tailrace {version('tailrace')}")
        raise typer.Exit


def _mount(app: typer.Typer, plugin: EntryPoint, wanted: str | None) -> None:
    help_text = "The local cloud: try and test without an AWS account." if plugin.name == _LOCAL else plugin.value
    if plugin.name != wanted:
        app.command(plugin.name, help=help_text)(_nothing)
        return
    try:
        app.add_typer(plugin.load(), name=plugin.name)
    except ImportError as exc:
        reason = (
            f"`tailrace {plugin.name}` cannot be loaded ({exc}); the local cloud runs from a checkout of the project: "
            "clone it and run `make setup` there"
        )
        _explain(app, plugin.name, reason, ExitCode.ERROR)


def _explain(app: typer.Typer, name: str, reason: str, code: ExitCode) -> None:
    """Add a command that says why it is not there."""

    @app.command(name, hidden=True, context_settings={"ignore_unknown_options": True, "help_option_names": []})
    def explain(_: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        sys.stderr.write(f"tailrace: {printable(reason)}\n")
        raise typer.Exit(code)


def _nothing() -> None:
    """Stand in the help for a command that is not loaded."""
