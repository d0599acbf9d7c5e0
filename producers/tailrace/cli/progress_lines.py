"""Progress on standard error: a live line on a terminal, a plain line every few seconds elsewhere, nothing if quiet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tailrace.progress import OnProgress, silent
from tailrace.progress.showing import EVERY_S, plain_lines

if TYPE_CHECKING:
    from tailrace.cli.environment import Environment

__all__ = ["EVERY_S", "reporting"]


@contextlib.contextmanager
def reporting(environment: Environment, *, quiet: bool) -> Iterator[OnProgress]:
    """Yield the ``on_progress`` callback for the client."""
    if quiet:
        yield silent
    elif environment.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - slow to import

        from tailrace.progress.bars import bars_on  # noqa: PLC0415 - the same

        with bars_on(Console(file=environment.stderr)) as report:
            yield report
    else:
        yield plain_lines(lambda text: environment.say(text.removesuffix("\n")), environment.clock)
