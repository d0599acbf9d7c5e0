"""Plugins: commands of other distributions, named by their entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

LOCAL = "local"
_GROUP = "tailrace.commands"
_LOCAL_HELP = "The local cloud: try and test without an AWS account."


def installed() -> tuple[EntryPoint, ...]:
    """Return the installed plugins; each is a Typer application once it is loaded."""
    # Takes longer to import than a command's own modules; these commands do not need it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return tuple(entry_points(group=_GROUP))


def help_line(plugin: EntryPoint) -> str:
    """Return a plugin's line in the list of commands, without loading the plugin."""
    return _LOCAL_HELP if plugin.name == LOCAL else plugin.value
