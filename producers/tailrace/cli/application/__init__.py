"""The application: its own commands and those of plugins, each imported when it is called.

Imports `tailrace.cli.commands` and the rest of `tailrace.cli`; only `tailrace.cli` imports it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.version import __version__

if TYPE_CHECKING:
    from tailrace.cli.environment import Environment

_COMPLETION = "_TAILRACE_COMPLETE"
"""Environment variable by which a shell asks for completions."""
_ERROR = 1
_USAGE = 2
"""`ExitCode.ERROR` and `ExitCode.USAGE`, whose import takes longer than a version or a list."""


def run(arguments: Sequence[str], environment: Environment | None = None) -> int:
    """Run a command line; return the exit code.

    The version and the list of commands are written without importing Typer or a command.
    """
    completing = _COMPLETION in os.environ
    if not completing:
        if not arguments:
            return _print(_list_of_commands()) or _USAGE
        if arguments[0] == "--version":
            return _print(f"tailrace {__version__}\n")
        if arguments[0] in {"-h", "--help"}:
            return _print(_list_of_commands())
    from tailrace.cli.application.running import run_command  # noqa: PLC0415 - imports what all commands need

    return run_command(arguments, environment, completing=completing)


def _list_of_commands() -> str:
    from tailrace.cli.application import plugins, root_help  # noqa: PLC0415 - needed for this only

    lines = {name: listed.help for name, listed in COMMANDS.items()}
    return root_help.text({**lines, **{plugin.name: plugins.help_line(plugin) for plugin in plugins.installed()}})


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has enough, as in `… | head`.
        return _ERROR
    except OSError as exc:
        sys.stderr.write(f"tailrace: {exc.strerror}\n")
        return _ERROR
    return 0
