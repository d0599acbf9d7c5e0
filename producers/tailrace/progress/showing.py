"""Choice of a display for the progress of an operation."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from tailrace.progress import OnProgress, ShowProgress, silent

EVERY_S = 5.0


@contextlib.contextmanager
def showing(
    progress: ShowProgress, *, stderr: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[OnProgress]:
    """Yield the callback for an operation's progress.

    A callback is used as it is. None shows the progress in a notebook and on a terminal, True also
    elsewhere: as a line every few seconds. A terminal without rich gets such lines too.
    """
    if callable(progress):
        yield progress
        return
    if progress is False:
        yield silent
        return
    from tailrace.progress.notebook import is_notebook, notebook_report  # noqa: PLC0415 - a submit starts fast

    stream = sys.stderr if stderr is None else stderr
    if is_notebook():
        yield notebook_report(clock)
    elif _is_terminal(stream):
        with _on_terminal(stream, clock) as report:
            yield report
    else:
        yield plain_lines(stream.write, clock) if progress else silent


def plain_lines(write: Callable[[str], object], clock: Callable[[], float]) -> OnProgress:
    """Return a callback that writes a line every `EVERY_S` seconds."""
    from tailrace.progress.text import Moment, describer  # noqa: PLC0415 - as above

    describe = describer(clock)
    start = clock()
    last = [start]

    def report(moment: Moment) -> None:
        now, line = clock(), describe(moment)
        if now - last[0] >= EVERY_S:
            last[0] = now
            write(f"{line} ({now - start:.0f} s)\n")

    return report


@contextlib.contextmanager
def _on_terminal(stream: TextIO, clock: Callable[[], float]) -> Iterator[OnProgress]:
    try:
        from rich.console import Console  # noqa: PLC0415 - it comes with the extra [cli]

        from tailrace.progress.bars import bars_on  # noqa: PLC0415 - it needs rich
    except ImportError:
        yield plain_lines(stream.write, clock)
        return
    with bars_on(Console(file=stream), clock) as report:
        yield report


def _is_terminal(stream: TextIO | None) -> bool:
    # Without a console (pythonw) there is no stderr.
    return stream is not None and not stream.closed and stream.isatty()
