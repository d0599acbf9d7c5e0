"""The commands as a Typer application that imports the one that is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from tailrace.cli.application import plugins
from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.environment import Environment, error_text
from tailrace.cli.exit_codes import ExitCode, of_error
from tailrace.cli.printable import printable
from tailrace.cli.termination import signals_raise
from tailrace.cli.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# Typer has no public name for click's ClickException, which all usage errors are.
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.mro()[2])


def run_command(arguments: Sequence[str], environment: Environment | None) -> int:
    """Run the command that the arguments name; return the exit code."""
    environment = environment or Environment()
    try:
        with signals_raise():
            # Not standalone: a usage error may repeat an argument, which is not printable as it is.
            code = build().main(list(arguments), prog_name="tailrace", obj=environment, standalone_mode=False)
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


class _RootGroup(TyperGroup):
    """The group of all commands: knows their names, and imports the one that is called or completed."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the called command, then resolve it."""
        name = args[0]
        if name in COMMANDS:
            self.commands[name] = load(name)
        else:
            self._add_plugins(name)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """List the plugins too."""
        self._add_plugins(None)
        return super().list_commands(ctx)

    def _add_plugins(self, called: str | None) -> None:
        found = {plugin.name: plugin for plugin in plugins.installed()}
        for name, plugin in found.items():
            self.commands[name] = _loaded(plugin) if name == called else _named(name, plugins.help_line(plugin))
        if called == plugins.LOCAL and called not in found:
            reason = "the local cloud is a distribution of its own: pip install tailrace-local"
            self.commands[called] = _refusal(called, reason, ExitCode.USAGE)


def build() -> TyperGroup:
    """Build the group of all commands; none is imported yet."""
    app = typer.Typer(
        cls=_RootGroup,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    group = cast("TyperGroup", typer.main.get_command(app))
    group.commands.update({name: _named(name, listed.help) for name, listed in COMMANDS.items()})
    return group


def load(name: str) -> Any:
    """Import a command, or a group of commands, of the registry."""
    listed = COMMANDS[name]
    found = getattr(import_module(f"tailrace.cli.commands.{listed.module}"), listed.name)
    return _of_typer(found(), name) if listed.is_group else _of_function(found, name)


def _of_typer(app: typer.Typer, name: str) -> Any:
    parent = typer.Typer(add_completion=False)
    parent.add_typer(app, name=name)
    return cast("TyperGroup", typer.main.get_command(parent)).commands[name]


def _of_function(function: Callable[..., None], name: str, **settings: Any) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name, **settings)(function)
    return typer.main.get_command(app)


def _named(name: str, help_line: str) -> Any:
    """Return a command that is not loaded, for lists of names."""
    return TyperCommand(name, help=help_line)


def _loaded(plugin: EntryPoint) -> Any:
    try:
        return _of_typer(plugin.load(), plugin.name)
    except ImportError as exc:
        reason = (
            f"`tailrace {plugin.name}` cannot be loaded ({exc}); the local cloud runs from a checkout of the project: "
            "clone it and run `make setup` there"
        )
        return _refusal(plugin.name, reason, ExitCode.ERROR)


def _refusal(name: str, reason: str, code: ExitCode) -> Any:
    """Return a command that says why it is not there."""

    def explain(_: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        sys.stderr.write(f"tailrace: {printable(reason)}\n")
        raise typer.Exit(code)

    settings = {"ignore_unknown_options": True, "help_option_names": []}
    return _of_function(explain, name, hidden=True, context_settings=settings)


def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=lambda on: _show(on=on)),
    ] = False,
) -> None:
    """Hold the options of the application itself."""


def _show(*, on: bool) -> None:
    if on:
        typer.echo(f"tailrace {__version__}")
        raise typer.Exit
