"""The help of ``tailrace`` itself, written without importing a command or Typer.

Each command's own help is Typer's.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Mapping

_ABOUT = (
    "Score a big CSV with a SageMaker model: every row in order and accounted for.",
    (
        "Exit codes: 0 completed (or submitted), 2 wrong usage or input, 3 completed with rejected rows, 4 failed, "
        "5 cancelled or expired, 129 hung up, 130 interrupted, 143 terminated, 1 anything else. Data goes to standard "
        "output, messages to standard error."
    ),
)
_OPTIONS = {
    "--version": "Show the version and exit.",
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Show completion for the current shell, to copy it or customize the installation.",
    "-h, --help": "Show this message and exit.",
}
_WIDEST = 100


def text(commands: Mapping[str, str]) -> str:
    """Write the help for commands with a line each, at most as wide as the terminal."""
    width = min(_terminal_width(), _WIDEST)
    column = max(map(len, (*commands, *_OPTIONS))) + 4
    lines = ["Usage: tailrace [OPTIONS] COMMAND [ARGS]..."]
    for paragraph in _ABOUT:
        lines += ["", *textwrap.wrap(paragraph, width)]
    for title, entries in (("Options:", _OPTIONS), ("Commands:", commands)):
        lines += ["", title, *_table(entries.items(), column, width)]
    return "\n".join((*lines, "", "`tailrace COMMAND --help` explains a command.", ""))


def _table(entries: Iterable[tuple[str, str]], column: int, width: int) -> Iterable[str]:
    for name, line in entries:
        yield from textwrap.wrap(line, width, initial_indent=f"  {name}".ljust(column), subsequent_indent=" " * column)


def _terminal_width() -> int:
    # As `shutil.get_terminal_size`, whose module takes longer to import than all of this.
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(int(columns), 40)
    try:
        return max(os.get_terminal_size(1).columns, 40)
    except (OSError, ValueError):
        return 80
