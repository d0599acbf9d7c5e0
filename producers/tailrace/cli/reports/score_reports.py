"""Reports of `tailrace score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tailrace.cli.reports.reject_reports import reason_lines
from tailrace.download.rejects_summary.first_aid import hints_for
from tailrace.progress.text import shown_duration, shown_rate
from tailrace.scoring.result import counters

if TYPE_CHECKING:
    from tailrace.scoring.result import Scored
    from tailrace_core.jobs.model import Job


def fields(done: Scored) -> dict[str, Any]:
    """Return the JSON object of a file that was scored."""
    return {
        "state": done.state,
        "reason": None,
        "rows": done.rows,
        "rows_scored": done.rows_scored,
        "rows_rejected": done.rows_rejected,
        "rows_not_isolated": done.rows_not_isolated,
        "splits": done.splits,
        "chunks": done.chunks,
        "requests": done.requests,
        "retries": done.retries,
        "seconds": done.seconds,
        "size_bytes": done.size_bytes,
        "output": done.target,
        "rejects_output": done.rejects_target,
        "rejects": [{"reason": each.reason, "rows": each.rows} for each in done.reasons],
        "advice": [],
    }


def failed_fields(job: Job) -> dict[str, Any]:
    """Return the JSON object of a run without a whole result."""
    return {
        "state": job.outcome or job.state,
        "reason": job.reason,
        **counters(job),
        "output": None,
        "rejects_output": None,
        "advice": list(hints(job)),
    }


def hints(job: Job) -> tuple[str, ...]:
    """Return first aid for a run in which no row was scored."""
    return () if job.rows_scored else hints_for([job.reason or ""])


def summary(done: Scored) -> str:
    """Format what was scored in a line, and why rows were rejected in some more."""
    rejected = f", {done.rows_rejected:,} rejected" if done.rows_rejected else ""
    repeated = f", {done.retries:,} of them repeated" if done.retries else ""
    pace = f" ({shown_rate(done.rows / done.seconds)})" if done.seconds else ""
    scored = f"{done.state}: {done.rows_scored:,} of {done.rows:,} rows scored{rejected}"
    requests = f"{done.requests:,} request{'s' * (done.requests != 1)}{repeated}"
    lines = [f"{scored} in {shown_duration(done.seconds)}{pace}; {requests}"]
    if done.reasons:
        lines += ["why rows were rejected:", reason_lines(done.reasons, done.rows_rejected)]
        if done.rejects_target is None:
            lines.append("write the rejected rows to a file with `--rejects FILE`, to fix and score them again")
    return "\n".join(lines)
