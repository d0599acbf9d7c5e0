"""Declarations of a command's arguments and options, under the names that Typer has for them.

Typer validates with pydantic, and importing both takes longer than all else that `status` imports.
So commands declare without it. `application.parsing` reads a right command line by the
declarations; `application.typer_commands` turns them into Typer's own for everything else: help,
completion, and command lines that are wrong.
"""

from __future__ import annotations

from typing import Any


class Argument:
    """An argument; ``settings`` are those of `typer.Argument`."""

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings


class Option(Argument):
    """An option; without ``names`` it is called like its parameter."""


class Context:
    """The context of a command; ``obj`` is its `tailrace.cli.environment.Environment`."""

    def __init__(self, obj: Any) -> None:
        self.obj = obj


class Exit(Exception):  # noqa: N818 - Typer's name
    """The command ends here, with this exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.exit_code = code


class BadParameter(Exception):  # noqa: N818 - Typer's name
    """A callback refuses the value of an argument or an option."""
