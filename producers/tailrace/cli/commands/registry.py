"""The table of the application's own commands: add a command here, and nowhere else.

A command's module is imported only when the command is called or its options are completed, so this
module imports none of them, and nothing else that takes time. ``tailrace --help`` prints the help
lines of this table; a test holds them to the commands' own docstrings.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class Listed(NamedTuple):
    """A command: its place, and its line in the list of commands."""

    module: str
    """Name of the module in `tailrace.cli.commands`, with its subpackage if it is in one."""
    name: str
    """Name of a command's function; or of a function without arguments that builds a group of
    commands."""
    help: str
    """First paragraph of the command's docstring, or the group's help."""
    is_group: bool = False

    def imported(self) -> Any:
        """Import the command's module and return the function."""
        return getattr(import_module(f"tailrace.cli.commands.{self.module}"), self.name)


COMMANDS = {
    "submit": Listed(
        "submit",
        "submit",
        "Cut a CSV into chunks, upload them and invoke the model on each; print the job's id.",
    ),
    "prepare": Listed(
        "models.prepare",
        "prepare",
        "Prepare raw data by a recipe: numbers, missing values, columns; for training and for scoring.",
    ),
    "score": Listed(
        "models.score",
        "score",
        "Score a file now with a model that answers at once, without a stack; the exit code says how it went.",
    ),
    "advise": Listed(
        "models.advise",
        "advise",
        "Tell which way to infer fits a file: a table of the ways, how long each takes, what it costs, and why not.",
    ),
    "status": Listed("jobs", "status", "Show the state and the counters of a job; exit with 0 whatever its state."),
    "wait": Listed("jobs", "wait", "Wait until a job has ended; the exit code says how."),
    "watch": Listed("watch", "watch", "Show a job live until it has ended; the exit code says how, as with wait."),
    "download": Listed(
        "jobs",
        "download",
        "Write the result of a completed job: a header, and a row for each row of the input, in its order.",
    ),
    "jobs": Listed("jobs", "jobs", "List the newest jobs of a stack, newest first."),
    "cancel": Listed("jobs", "cancel", "Cancel a running job; rows that are already scored stay scored."),
    "doctor": Listed(
        "doctor",
        "doctor",
        'Check a stack, or with --preflight an account: OK, WARN, FAIL or "cannot tell", and what fixes it.',
    ),
    "rejects": Listed(
        "rejected_rows",
        "rejects",
        "Print the rejected rows of a finished job as CSV: row (from 0), reason, and the columns of the input.",
    ),
    "results": Listed(
        "results", "results", "Print the events of the results queue; each is acknowledged once it is printed."
    ),
    "report": Listed(
        "report",
        "report",
        "Write the report of a finished job: one HTML file that needs no network and no script.",
    ),
    "parked": Listed(
        "operations.parked_chunks", "build", "List, show, redrive and discard parked chunks.", is_group=True
    ),
    "dlq": Listed("operations.dead_letters", "build", "List, show and redrive dead letters.", is_group=True),
    "train": Listed(
        "models.train",
        "train",
        "Train models on a table by AutoML; print the job's name, and with --wait the best of them.",
    ),
    "leaderboard": Listed(
        "models.train",
        "leaderboard",
        "List the models that an AutoML job has tried, best first, with their metrics on rows held out.",
    ),
    "console": Listed(
        "console",
        "console",
        "Serve pages for an operator: what needs attention, jobs, chunks, dead letters, the endpoint.",
    ),
}
"""All commands by name, in the order of the list."""
