"""The live view of one job for `tailrace watch`, by rich."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tailrace.cli.printable import printable
from tailrace.operations.open_work import OpenWork
from tailrace.progress.pace import Pace
from tailrace.progress.text import shown_duration, shown_rate
from tailrace_core.jobs.description import DescribedJob


def panel(described: DescribedJob, work: OpenWork, pace: Pace, now: float, lines: list[str]) -> RenderableType:
    """Build the view at ``now``, in seconds since the epoch; ``lines`` are hints about parked chunks."""
    job, about = described.job, described.description
    name = f"{printable(about.name)} · " if about.name else ""
    values = Table.grid(padding=(0, 2))
    values.add_column(style="dim", no_wrap=True)
    values.add_column(overflow="fold")
    for label, value in _values(described, work, pace, now):
        values.add_row(label, Text(value))
    bar = ProgressBar(total=job.rows_total or None, completed=job.rows_settled, pulse=job.rows_total is None)
    return Group(
        Text(f"{name}job {job.job_id} {job.state}", style="bold"),
        bar,
        values,
        *(Text(printable(line)) for line in lines),
    )


def _values(described: DescribedJob, work: OpenWork, pace: Pace, now: float) -> list[tuple[str, str]]:
    job = described.job
    total = "?" if job.rows_total is None else f"{job.rows_total:,}"
    percent = f" ({job.rows_settled / job.rows_total:.1%})" if job.rows_total else ""
    not_isolated = f" ({job.rows_not_isolated:,} not isolated)" if job.rows_not_isolated else ""
    left_s = pace.left_s(job.rows_total)
    values = [
        ("rows settled", f"{job.rows_settled:,} of {total}{percent}"),
        ("scored", f"{job.rows_scored:,}"),
        ("rejected", f"{job.rows_rejected:,}{not_isolated}"),
        ("rate", "-" if pace.per_s is None else shown_rate(pace.per_s)),
        ("time left", "-" if left_s is None else f"about {shown_duration(left_s)}"),
        ("running for", shown_duration((job.finishing_at or now) - job.created_at)),
        ("chunks in flight", f"{job.chunks_in_flight:,}, {job.chunks_waiting:,} waiting"),
        ("retrying", f"{work.retrying_count:,}{_next_attempt(work, now)}"),
        ("parked", f"{work.parked_count:,}"),
    ]
    if work.round_number is not None:
        values.append(("round", f"{work.round_number}, transform job {work.transform_job}"))
    return values if job.rows_cancelled == 0 else [*values, ("cancelled", f"{job.rows_cancelled:,}")]


def _next_attempt(work: OpenWork, now: float) -> str:
    return "" if work.next_attempt_at is None else f", next attempt in {shown_duration(work.next_attempt_at - now)}"
