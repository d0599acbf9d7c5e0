"""Reports of jobs: text for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align
from tailrace.operations.open_work import OpenWork
from tailrace.progress_display.text import shown_bytes
from tailrace.submit.estimates import Estimate
from tailrace_core.jobs.model import Job


def fields(job: Job) -> dict[str, Any]:
    """Return a job as a JSON object; times are ISO 8601 in UTC."""
    return {
        "job_id": job.job_id,
        "state": str(job.state),
        "rows_total": job.rows_total,
        "rows_scored": job.rows_scored,
        "rows_rejected": job.rows_rejected,
        "rows_not_isolated": job.rows_not_isolated,
        "rows_cancelled": job.rows_cancelled,
        "rows_open": job.rows_open,
        "chunks_in_flight": job.chunks_in_flight,
        "chunks_waiting": job.chunks_waiting,
        "splits_spent": job.splits_spent,
        "splits_left": job.split_budget,
        "times_parked": job.times_parked,
        "reason": job.reason,
        "created_at": _time(job.created_at),
        "deadline_at": _time(job.deadline_at),
    }


def as_json(values: dict[str, Any]) -> str:
    """Format one line of JSON."""
    return json.dumps(values, ensure_ascii=False)


def status_fields(job: Job, work: OpenWork, stack: str) -> dict[str, Any]:
    """Return a job with its open work as a JSON object; at most the first few parked chunks."""
    return {
        **fields(job),
        "chunks_parked": work.parked_count,
        "chunks_held": work.held_count,
        "chunks_all_read": work.complete,
        "next_attempt_at": None if work.next_attempt_at is None else _time(work.next_attempt_at),
        "parked": [
            {
                "range": each.range.name,
                "first_row": each.range.first_row,
                "rows": each.range.rows,
                "attempt": each.attempt,
                "redrives": each.redrives,
                "reason": each.reason,
                "command": work.redrive_command(stack, each),
            }
            for each in work.parked
        ],
    }


def status_text(job: Job, work: OpenWork, stack: str) -> str:
    """Format a job with its open work in a few lines."""
    values = status_fields(job, work, stack)
    del values["parked"]
    all_read = values.pop("chunks_all_read")
    lines = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, lines)) + 1
    text = [f"{name + ':':{width}} {printable(value)}" for name, value in lines.items()]
    text += [printable(hint) for hint in work.hints(stack)]
    text += [] if all_read else ["the job has more chunks than were read: `tailrace parked list --job` reads all"]
    return "\n".join(text)


def summary(job: Job) -> str:
    """Format a job in one line."""
    total = "?" if job.rows_total is None else f"{job.rows_total:,}"
    parts = [f"{job.rows_scored:,} of {total} rows scored"]
    unknown = f" ({job.rows_not_isolated:,} of them not isolated)" if job.rows_not_isolated else ""
    parts += [f"{job.rows_rejected:,} rejected{unknown}"] if job.rows_rejected else []
    parts += [f"{job.rows_cancelled:,} cancelled"] if job.rows_cancelled else []
    parts += [f"chunks parked {job.times_parked} time(s)"] if job.times_parked else []
    return f"job {job.job_id} {job.state}: {', '.join(parts)}" + (f" ({printable(job.reason)})" if job.reason else "")


def table(jobs: Sequence[Job]) -> str:
    """Format jobs as columns of text."""
    rows = [("JOB", "STATE", "CREATED", "ROWS", "SCORED", "REJECTED", "CANCELLED")]
    rows += [
        (
            job.job_id,
            str(job.state),
            _time(job.created_at),
            "?" if job.rows_total is None else str(job.rows_total),
            str(job.rows_scored),
            str(job.rows_rejected),
            str(job.rows_cancelled),
        )
        for job in jobs
    ]
    return align(rows)


def estimate_text(found: Estimate) -> str:
    """Format an estimate in a few lines."""
    return "\n".join(
        (
            f"rows:         {found.rows:,} ({found.rows_rejected:,} of them rejected before sending)",
            f"chunks:       {found.chunks:,} (the largest input has {shown_bytes(found.largest_input_bytes)})",
            f"invocations:  {found.invocations:,}",
            f"upload:       {shown_bytes(found.upload_bytes)} in {found.objects:,} objects",
            f"AWS calls:    {found.calls:,}",
            f"cost:         about ${found.cost_usd:.4f} at eu-west-1's prices, without storage and endpoint",
        )
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
