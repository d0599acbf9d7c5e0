"""Runs a command: read without Typer where its command line is plainly right, by Typer otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from tailrace.cli.application.parsing import UnknownError, parse
from tailrace.cli.commands.registry import COMMANDS
from tailrace.cli.declarations import Context, Exit
from tailrace.cli.environment import Environment, error_text
from tailrace.cli.exit_codes import ExitCode, of_error
from tailrace.cli.printable import printable
from tailrace.cli.termination import signals_raise


def run_command(arguments: Sequence[str], environment: Environment | None, *, completing: bool) -> int:
    """Run the command that the arguments name; return the exit code."""
    environment = environment or Environment()
    try:
        with signals_raise():
            return _run(arguments, environment, completing=completing)
    except Exit as exc:
        return exc.exit_code
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else ExitCode.ERROR
    except KeyboardInterrupt as exc:
        # While modules were imported, for instance: guarded commands report it themselves.
        environment.say(f"tailrace: {error_text(exc)}")
        return of_error(exc)
    except OSError as exc:
        # Raised outside of the guarded commands: the help text could not be written, for instance.
        environment.say(f"tailrace: {printable(error_text(exc))}")
        return ExitCode.ERROR


def _run(arguments: Sequence[str], environment: Environment, *, completing: bool) -> int:
    listed = COMMANDS.get(arguments[0]) if arguments else None
    if listed is not None and not listed.is_group and not completing:
        command = listed.imported()
        try:
            values = parse(command, arguments[1:])
        except UnknownError:
            pass
        else:
            command(context=Context(environment), **values)
            return ExitCode.OK
    from tailrace.cli.application.typer_commands import run_typer  # noqa: PLC0415 - slow to import

    return run_typer(arguments, environment)
