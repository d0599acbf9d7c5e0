"""The live line of a terminal, by rich."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from tailrace.progress import OnProgress
from tailrace.progress.text import Moment, describer, share

_WIDE_TERMINAL = 110
_WIDE, _NARROW = 20, 8
"""Characters of the bar: 80 columns then show the rows, the rate and the time left."""


@contextlib.contextmanager
def bars_on(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[OnProgress]:
    """Yield a callback that keeps one live line on a console; it disappears when the block ends."""
    with live(console) as bars:
        describe = describer(clock)
        tasks: dict[type, TaskID] = {}

        def report(moment: Moment) -> None:
            done, total = share(moment)
            if type(moment) not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                tasks[type(moment)] = bars.add_task("", total=total)
            bars.update(tasks[type(moment)], description=describe(moment), completed=done, total=total)

        yield report


def live(console: Console) -> Bars:
    """Build the live line; on a narrow terminal the text is cut, and the bar and the time stay."""
    words = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    elapsed = TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7))
    width = _WIDE if console.width >= _WIDE_TERMINAL else _NARROW
    bar = BarColumn(bar_width=width, table_column=Column(no_wrap=True, min_width=width))
    return Bars(SpinnerColumn(), bar, elapsed, words, console=console, transient=True, expand=True)
