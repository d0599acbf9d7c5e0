"""Reports of jobs: text for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align
from tailrace.progress.text import shown_bytes, shown_duration

if TYPE_CHECKING:
    from tailrace.download.counts import Download
    from tailrace.operations.open_work import OpenWork
    from tailrace.progress.cutting import Cutting
    from tailrace.submit.estimates import Estimate
    from tailrace.submit.remote_submit import RemoteCount
    from tailrace_core.jobs.description import DescribedJob
    from tailrace_core.jobs.model import Job

_NAME_CHARS = 40
"""Width of the column of names; the end of a path tells more than its beginning."""


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


def download_fields(done: Download) -> dict[str, Any]:
    """Return a download's counts for JSON; ``output`` is None for standard output."""
    return {
        "job_id": done.job_id,
        "rows": done.rows,
        "rows_scored": done.rows_scored,
        "rows_rejected": done.rows_rejected,
        "size_bytes": done.size_bytes,
        "output": done.target,
    }


def described_fields(described: DescribedJob) -> dict[str, Any]:
    """Return a job with its description as a JSON object."""
    about = described.description
    return {
        **fields(described.job),
        "finished_at": None if described.job.finishing_at is None else _time(described.job.finishing_at),
        "name": about.name,
        "tags": dict(about.tags),
        "sources": list(about.sources),
        "source_count": about.source_count,
        "job_key": about.job_key,
        "submitted_by": about.submitted_by,
    }


def as_json(values: dict[str, Any]) -> str:
    """Format one line of JSON."""
    return json.dumps(values, ensure_ascii=False)


def status_fields(
    described: DescribedJob,
    work: OpenWork,
    stack: str,
    changed: dict[str, Any],
    now: float,
    cutting: Cutting | None = None,
) -> dict[str, Any]:
    """Return a job with its open work as a JSON object; at most the first few parked chunks.

    ``changed`` are the settings that differ from the defaults; ``cutting`` is the state of the
    execution of a remote job.
    """
    rate = rows_per_s(described.job, now)
    return {
        **described_fields(described),
        "rows_per_s": None if rate is None else round(rate, 1),
        "settings": changed,
        **({} if cutting is None else {"cutting": _cutting_fields(cutting)}),
        "chunks_parked": work.parked_count,
        "chunks_retrying": work.retrying_count,
        "chunks_held": work.held_count,
        "chunks_all_read": work.complete,
        "next_attempt_at": None if work.next_attempt_at is None else _time(work.next_attempt_at),
        **({} if work.round_number is None else {"round": work.round_number, "transform_job": work.transform_job}),
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


def _cutting_fields(cutting: Cutting) -> dict[str, Any]:
    return {
        "phase": str(cutting.phase),
        "runs_done": cutting.runs_done,
        "runs_total": cutting.runs_total,
        "execution": cutting.execution,
        "execution_state": cutting.state,
    }


def rows_per_s(job: Job, now: float) -> float | None:
    """Return the rows settled a second since the job was created; None if none is yet."""
    elapsed_s = (job.finishing_at or now) - job.created_at
    return job.rows_settled / elapsed_s if job.rows_settled and elapsed_s > 0 else None


def status_text(
    described: DescribedJob,
    work: OpenWork,
    stack: str,
    changed: dict[str, Any],
    now: float,
    cutting: Cutting | None = None,
) -> str:
    """Format a job with its open work in a few lines."""
    values = status_fields(described, work, stack, changed, now, cutting)
    if cutting is not None:
        from tailrace.progress.cutting import cutting_text  # noqa: PLC0415 - few jobs are remote

        values["cutting"] = cutting_text(cutting)
    del values["parked"]
    all_read = values.pop("chunks_all_read")
    about = described.description
    values["tags"] = " ".join(f"{key}={value}" for key, value in about.tags.items()) or None
    more = about.source_count - len(about.sources)
    values["sources"] = ", ".join([*about.sources, *([f"and {more:,} more"] if more else [])]) or None
    values["source_count"] = None
    values["settings"] = ", ".join(f"{name} {_setting(value)}" for name, value in changed.items()) or None
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


def table(jobs: Sequence[DescribedJob], now: float) -> str:
    """Format jobs as columns of text; the age is at ``now``."""
    rows = [("JOB", "NAME", "STATE", "AGE", "ROWS", "SCORED", "REJECTED", "CANCELLED")]
    rows += [
        (
            job.job_id,
            _shortened(each.description.shown_name or "-"),
            str(job.state),
            shown_duration(now - job.created_at),
            "?" if job.rows_total is None else f"{job.rows_total:,}",
            f"{job.rows_scored:,}",
            f"{job.rows_rejected:,}",
            f"{job.rows_cancelled:,}",
        )
        for each in jobs
        for job in [each.job]
    ]
    return align(rows)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"…{name[1 - _NAME_CHARS :]}"


def _setting(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


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
            *(f"warning:      {each}" for each in found.warnings),
        )
    )


def count_text(found: RemoteCount) -> str:
    """Format what was counted remotely in a few lines."""
    return "\n".join(
        (
            f"rows:         {found.rows:,}",
            f"objects:      {found.objects:,} with {shown_bytes(found.source_bytes)}",
            f"stripes:      {found.stripes:,}, cut by functions, up to six neighbours by one call",
        )
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
