"""The commands as a Typer application that imports the one that is called."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from tailrace.cli import declarations
from tailrace.cli.application import plugins
from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.exit_codes import ExitCode
from tailrace.cli.printable import printable
from tailrace.cli.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from tailrace.cli.environment import Environment

# Typer has no public name for click's ClickException, which all usage errors are.
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.mro()[2])


def run_typer(arguments: Sequence[str], environment: Environment) -> int:
    """Have Typer run the command that the arguments name; return the exit code."""
    try:
        # Not standalone: a usage error may repeat an argument, which is not printable as it is.
        code = build().main(list(arguments), prog_name="tailrace", obj=environment, standalone_mode=False)
    except _USAGE_ERROR as exc:
        return _explain_usage(exc)
    except typer.Abort:
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
    found = listed.imported()
    return _of_typer(found(), name) if listed.is_group else typer_command(found, name)


def _of_typer(app: typer.Typer, name: str) -> Any:
    _translate(app)
    parent = typer.Typer(add_completion=False)
    parent.add_typer(app, name=name)
    return cast("TyperGroup", typer.main.get_command(parent)).commands[name]


def _translate(app: typer.Typer) -> None:
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _translated(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _translate(group.typer_instance)


def typer_command(function: Callable[..., None], name: str, **settings: Any) -> Any:
    """Return a command as Typer has it, with the declarations that it reads."""
    app = typer.Typer(add_completion=False)
    app.command(name, **settings)(_translated(function))
    return typer.main.get_command(app)


def _translated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with Typer's declarations in place of ours."""
    hints = {name: _annotation(hint) for name, hint in get_type_hints(function, include_extras=True).items()}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    parameters = [each.replace(annotation=hints[each.name]) for each in signature(function).parameters.values()]
    vars(call).pop("__wrapped__")
    vars(call)["__signature__"] = Signature(parameters)
    call.__annotations__ = hints
    return call


def _annotation(hint: Any) -> Any:
    if hint is declarations.Context:
        return typer.Context
    if get_origin(hint) is not Annotated:
        return hint
    kind, *declared = get_args(hint)
    return Annotated[(kind, *map(_declaration, declared))]


def _declaration(declared: Any) -> Any:
    if not isinstance(declared, declarations.Argument):
        return declared
    settings = dict(declared.settings)
    if "callback" in settings:
        settings["callback"] = _callback(settings["callback"])
    made: Callable[..., Any] = typer.Option if isinstance(declared, declarations.Option) else typer.Argument
    return made(*declared.names, **settings)


def _callback(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        try:
            return check(value)
        except declarations.BadParameter as exc:
            raise typer.BadParameter(str(exc)) from exc

    return checked


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
    return typer_command(explain, name, hidden=True, context_settings=settings)


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
