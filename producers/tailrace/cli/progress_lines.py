"""Progress on standard error: a live line on a terminal, a plain line every few seconds elsewhere, nothing if quiet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from tailrace.cli.environment import Environment
from tailrace.cli.quantities import shown_bytes
from tailrace.progress import DownloadProgress, JobProgress, OnProgress, Progress, silent

EVERY_S = 5.0
Moment = Progress | JobProgress | DownloadProgress


@contextlib.contextmanager
def reporting(environment: Environment, *, quiet: bool) -> Iterator[OnProgress]:
    """Yield the ``on_progress`` callback for the client."""
    if quiet:
        yield silent
    elif environment.stderr.isatty():
        with _bars(environment) as report:
            yield report
    else:
        yield _lines(environment)


def _lines(environment: Environment) -> OnProgress:
    start = environment.clock()
    last = [start]

    def report(moment: Moment) -> None:
        now = environment.clock()
        if now - last[0] >= EVERY_S:
            last[0] = now
            environment.say(f"{describe(moment)} ({now - start:.0f} s)")

    return report


@contextlib.contextmanager
def _bars(environment: Environment) -> Iterator[Callable[[Moment], None]]:
    console = Console(file=environment.stderr)
    with live(console) as bars:
        tasks: dict[type, TaskID] = {}

        def report(moment: Moment) -> None:
            done, total = _share(moment)
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
    bar = BarColumn(bar_width=20, table_column=Column(no_wrap=True, min_width=20))
    return Bars(SpinnerColumn(), bar, elapsed, words, console=console, transient=True, expand=True)


def _share(moment: Moment) -> tuple[float, float | None]:
    if isinstance(moment, Progress):
        return moment.bytes_read, moment.bytes_total
    if isinstance(moment, JobProgress):
        return moment.job.rows_settled, moment.job.rows_total
    return moment.rows, moment.rows_total


def describe(moment: Moment) -> str:
    """Describe a moment in one line."""
    if isinstance(moment, Progress):
        total = "" if moment.bytes_total is None else f" of {shown_bytes(moment.bytes_total)}"
        skipped = f", {moment.chunks_skipped:,} sent before" if moment.chunks_skipped else ""
        return (
            f"submitting: {moment.rows_read:,} rows read ({shown_bytes(moment.bytes_read)}{total}), "
            f"{moment.chunks_sent:,} of {moment.chunks_planned:,} chunks sent{skipped}"
        )
    if isinstance(moment, JobProgress):
        job = moment.job
        total = "?" if job.rows_total is None else f"{job.rows_total:,}"
        parked = f"; chunks parked {job.times_parked} time(s), they need an operator" if job.times_parked else ""
        return f"{job.state}: {job.rows_settled:,} of {total} rows settled{parked}"
    return f"downloading: {moment.rows:,} of {moment.rows_total:,} rows ({shown_bytes(moment.size_bytes)})"
