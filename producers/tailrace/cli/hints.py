"""Commands that messages suggest, completed with the options that lead to the same stack."""

from __future__ import annotations

import re
import shlex

_COMMAND = re.compile(r"`tailrace (?!local\b)([^`]+)`")


def complete(text: str, options: dict[str, str | None]) -> str:
    """Add options with a value to each command in backticks that lacks them, quoted for a shell."""
    given = {name: value for name, value in options.items() if value}

    def completed(match: re.Match[str]) -> str:
        command = match[1]
        added = "".join(
            f" {name} {shlex.quote(value)}" for name, value in given.items() if f" {name} " not in f"{command} "
        )
        return f"`tailrace {command}{added}`"

    return _COMMAND.sub(completed, text) if given else text
