"""Progress in words and numbers."""

from __future__ import annotations

from collections.abc import Callable

from tailrace.progress import CuttingProgress, DownloadProgress, JobProgress, Progress, ScoringProgress
from tailrace.progress.pace import Pace
from tailrace_core.jobs.model import Job

Moment = Progress | JobProgress | DownloadProgress


def share(moment: Moment) -> tuple[float, float | None]:
    """Return how much is done, and of how much; None while the total is unknown."""
    if isinstance(moment, Progress):
        return moment.bytes_read, moment.bytes_total
    if isinstance(moment, CuttingProgress):
        return moment.cutting.runs_done or 0, moment.cutting.runs_total
    if isinstance(moment, JobProgress):
        return moment.job.rows_settled, moment.job.rows_total
    return moment.rows, moment.rows_total


def describer(clock: Callable[[], float]) -> Callable[[Moment], str]:
    """Return a function that describes an operation's moments, with its pace and the time left."""
    paces: dict[type, Pace] = {}

    def described(moment: Moment) -> str:
        pace = paces.setdefault(type(moment), Pace())
        pace.add(clock(), share(moment)[0])
        return describe(moment, pace)

    return described


def describe(moment: Moment, pace: Pace | None = None) -> str:
    """Describe a moment in one line."""
    speed = "" if pace is None else _speed(moment, pace)
    if isinstance(moment, Progress):
        total = "" if moment.bytes_total is None else f" of {shown_bytes(moment.bytes_total)}"
        if isinstance(moment, ScoringProgress):
            rejected = f", {moment.rows_rejected:,} rejected" if moment.rows_rejected else ""
            read = f"{shown_bytes(moment.bytes_read)}{total} read{speed}"
            return f"scoring: {moment.rows_read:,} rows settled{rejected} ({read})"
        skipped = f", {moment.chunks_skipped:,} sent before" if moment.chunks_skipped else ""
        return (
            f"submitting: {moment.rows_read:,} rows read ({shown_bytes(moment.bytes_read)}{total}{speed}), "
            f"{moment.chunks_sent:,} of {moment.chunks_planned:,} chunks sent{skipped}"
        )
    if isinstance(moment, CuttingProgress):
        from tailrace.progress.cutting import cutting_text  # noqa: PLC0415 - few jobs are remote

        rows = f", {settled(moment.job)}" if moment.job.rows_settled else ""
        return f"{moment.job.state}: {cutting_text(moment.cutting)}{rows}"
    if isinstance(moment, JobProgress):
        return f"{moment.job.state}: {settled(moment.job)}{speed}{open_chunks(moment)}"
    return f"downloading: {moment.rows:,} of {moment.rows_total:,} rows ({shown_bytes(moment.size_bytes)}){speed}"


def settled(job: Job) -> str:
    """Format how many rows of a job are settled, and how many of them are rejected."""
    total = "?" if job.rows_total is None else f"{job.rows_total:,}"
    rejected = f", {job.rows_rejected:,} rejected" if job.rows_rejected else ""
    return f"{job.rows_settled:,} of {total} rows{rejected}"


def open_chunks(moment: JobProgress) -> str:
    """Format a job's chunks in flight, retrying, waiting and parked; empty if there are none."""
    job, work = moment.job, moment.work
    plural = "" if job.chunks_in_flight == 1 else "s"
    flying = f", {job.chunks_in_flight:,} chunk{plural} in flight" if job.chunks_in_flight else ""
    retrying = f", {work.retrying_count:,} retrying" if work is not None and work.retrying_count else ""
    waiting = f", {job.chunks_waiting:,} waiting" if job.chunks_waiting else ""
    parked = f"; chunks parked {job.times_parked} time(s), they need an operator" if job.times_parked else ""
    return f"{flying}{retrying}{waiting}{parked}"


def _speed(moment: Moment, pace: Pace) -> str:
    rate, left_s = pace.per_s, pace.left_s(share(moment)[1])
    # Of a job that has ended, rows that were cancelled at once would make a pace of their own.
    if rate is None or (isinstance(moment, JobProgress) and moment.job.state.final):
        return ""
    shown = f", {shown_bytes(rate)}/s" if isinstance(moment, Progress) else f", {shown_rate(rate)}"
    return shown + ("" if left_s is None else f", about {shown_duration(left_s)} left")


def shown_rate(rows_per_s: float) -> str:
    """Format a rate of rows."""
    return f"{rows_per_s:,.0f} rows/s" if rows_per_s >= 10 else f"{rows_per_s:.1f} rows/s"  # noqa: PLR2004 - readable


def shown_duration(seconds: float) -> str:
    """Format a duration for people: its two largest units."""
    rest = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number or parts or unit == "s":
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def shown_bytes(size: float) -> str:
    """Format a size for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - the step between binary units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
