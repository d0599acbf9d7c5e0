"""Progress in words and numbers."""

from __future__ import annotations

from tailrace.progress import DownloadProgress, JobProgress, Progress

Moment = Progress | JobProgress | DownloadProgress


def share(moment: Moment) -> tuple[float, float | None]:
    """Return how much is done, and of how much; None while the total is unknown."""
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


def shown_bytes(size: float) -> str:
    """Format a size for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - the step between binary units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
